"""A one-page report as PDF, with a chart and a table: something for glmv ground --doc to look at."""

import textwrap


def text(x, y, size, words, font="F1"):
    return f"BT /{font} {size} Tf {x} {y} Td ({words}) Tj ET"


def report():
    draw = [text(60, 770, 22, "Rain in the harbour", "F2"),
            text(60, 748, 11, "Annual report of the weather station")]
    words = ("Showers came late this year and stayed until the end of autumn, as they had done before. The wettest "
             "month was September with 180 millimetres on seventeen days; the driest one was July. The harbour wall "
             "held at every tide, and the two pumps of the old basin ran on nine days only. The gauge on the mole "
             "was read each morning at seven. For the coming year a second one is planned at the lighthouse, so "
             "that rain driven by the wind from the sea is measured where it falls.")
    for i, line in enumerate(textwrap.wrap(words, 90)):
        draw.append(text(60, 715 - 16 * i, 10.5, line))
    draw.append("0.2 0.2 0.2 RG 1 w 80 380 m 80 580 l S 80 380 m 520 380 l S")
    for i, value in enumerate((70, 110, 150, 95, 60, 130, 180, 165)):
        draw.append(f"0.18 0.49 0.55 rg {100 + 52 * i} 380 34 {value} re f 0 g")
        draw.append(text(108 + 52 * i, 366, 9, "MAMJJASO"[i]))
    draw.append(text(80, 345, 9, "Figure 1. Rain by month, millimetres", "F2"))
    rows = [("Month", "Days", "Rain"), ("May", "12", "150"), ("June", "9", "95"), ("August", "14", "130"),
            ("September", "17", "180")]
    for i, row in enumerate(rows):
        y = 300 - 24 * i
        draw.append(f"0.6 0.6 0.6 RG 0.5 w 80 {y - 8} 300 24 re S")
        for k, word in enumerate(row):
            draw.append(text(90 + 110 * k, y, 10.5, word, "F2" if i == 0 else "F1"))
    draw.append(text(80, 180, 9, "Table 1. Wet months", "F2"))
    content = "\n".join(draw)
    objects = ["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Count 1/Kids[3 0 R]>>",
               "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R/F2 6 0 R>>>>>>",
               f"<</Length {len(content)}>>\nstream\n{content}\nendstream",
               "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
               "<</Type/Font/Subtype/Type1/BaseFont/Helvetica-Bold>>"]
    out, places = "%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n"
    table = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n" + "".join(f"{p:010} 00000 n \n" for p in places)
    return out + f"trailer\n<</Size {len(objects) + 1}/Root 1 0 R>>\nstartxref\n{table}\n%%EOF\n"
