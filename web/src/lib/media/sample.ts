// A still life to try the page with: drawn here, so nothing is fetched.
export function samplePicture(): Promise<File> {
  const canvas = Object.assign(document.createElement('canvas'), { width: 960, height: 640 });
  const pen = canvas.getContext('2d')!;
  const fill = (colour: string, draw: () => void) => {
    pen.fillStyle = colour;
    pen.beginPath();
    draw();
    pen.fill();
  };
  const wall = pen.createLinearGradient(0, 0, 960, 430);
  wall.addColorStop(0, '#dfe8e3');
  wall.addColorStop(1, '#f4ead6');
  pen.fillStyle = wall;
  pen.fillRect(0, 0, 960, 430);
  pen.fillStyle = '#b98f66';
  pen.fillRect(0, 430, 960, 210);
  pen.fillStyle = '#00000014';
  for (const y of [430, 482, 548]) pen.fillRect(0, y, 960, 4);
  fill('#00000022', () => pen.ellipse(265, 497, 130, 16, 0, 0, 7));
  fill('#00000022', () => pen.ellipse(560, 497, 90, 13, 0, 0, 7));
  fill('#00000022', () => pen.ellipse(800, 500, 90, 13, 0, 0, 7));
  // A red cup.
  fill('#c8433a', () => pen.roundRect(180, 330, 150, 160, [8, 8, 36, 36]));
  fill('#a83229', () => pen.ellipse(255, 332, 75, 16, 0, 0, 7));
  pen.strokeStyle = '#c8433a';
  pen.lineWidth = 18;
  pen.beginPath();
  pen.arc(335, 400, 38, -1.4, 1.4);
  pen.stroke();
  // A green bottle.
  fill('#2f7d62', () => pen.roundRect(515, 250, 90, 242, [30, 30, 12, 12]));
  fill('#2f7d62', () => pen.roundRect(542, 160, 36, 110, 6));
  fill('#f3ecd8', () => pen.roundRect(515, 345, 90, 80, 2));
  fill('#d8a63c', () => pen.roundRect(538, 148, 44, 26, 5));
  // A lamp.
  fill('#ffd97a66', () => pen.ellipse(800, 250, 170, 150, 0, 0, 7));
  fill('#f4c95d', () => { pen.moveTo(740, 180); pen.lineTo(860, 180); pen.lineTo(905, 300); pen.lineTo(695, 300); });
  fill('#4b4f54', () => pen.roundRect(792, 300, 16, 180, 4));
  fill('#4b4f54', () => pen.roundRect(735, 476, 130, 22, 8));
  return new Promise((resolve) =>
    canvas.toBlob((blob) => resolve(new File([blob!], 'still-life.png', { type: 'image/png' })), 'image/png'),
  );
}
