declare module 'upng-js' {
  const UPNG: {
    decode(bytes: ArrayBuffer): { width: number; height: number };
    toRGBA8(image: object): ArrayBuffer[];
    encode(frames: ArrayBuffer[], width: number, height: number, colours: number): ArrayBuffer;
  };
  export default UPNG;
}
