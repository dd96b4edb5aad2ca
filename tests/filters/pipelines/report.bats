# report.html: a run of few iterations, and what the page shows of it.
load ../helpers

setup_file() {
    RUN=$BATS_FILE_TMPDIR/run
    export RUN
}

setup() {
    not_sanitized "the programs that the stages run are tested one by one"
    cd "$BATS_TEST_TMPDIR"
    report=$ROOT/pipelines/report/report.sh
}

# method ARGUMENT...: make with few iterations of the smallest network, on one thread
method() {
    env -u MAKEFLAGS -u MAKELEVEL -u MAKEOVERRIDES make -s --no-print-directory -C "$ROOT" CUDA=0 THREADS=1 PROFILE=demo \
        DATA="$BATS_FILE_TMPDIR/x <b>&amp;" train-cls-bisenet.dilate=8 \
        train-{seg-unet,seg-bisenet,cls-bisenet}.{network=bisenet-resnet18_w16,side=64,iterations=4,eval-every=2,batch=2} \
        merge-{cls,seg}.threshold=0.3 submission1.ratio=0.7 "$@"
}

# $RUN: made once, of X-rays whose names would be mark-up and other rows of a CSV
run_once() {
    [ ! -e "$RUN/report.html" ] || return 0
    (
        cd "$BATS_FILE_TMPDIR"
        synth -q --train 16 --test 12 --side 256 --lesions 0.5 --format png xrays
        /usr/bin/python3 - <<'END'
import csv, os
names = {}
for file in sorted(os.listdir("xrays/test")):
    id = file[:-4]
    names[id] = [id + "<script>alert(1)", id + ",\"<img src=x onerror='a()'>\"", id + "\n&lt;", id][len(names) % 4]
    os.rename(f"xrays/test/{file}", f"xrays/test/{names[id]}.png")
for file in "test-truth", "sample_submission":
    rows = list(csv.reader(open(f"xrays/{file}.csv", newline="")))
    with open(f"xrays/{file}.csv", "w", newline="") as out:
        csv.writer(out, lineterminator="\n").writerows([[names.get(row[0], row[0])] + row[1:] for row in rows])
END
        mv xrays 'x <b>&amp;'
    )
    method WORK="$RUN" report >"$BATS_FILE_TMPDIR/says" 2>&1 || { cat "$BATS_FILE_TMPDIR/says"; return 1; }
}

copy_of_run() { # $PWD/copy: to be changed by a test
    run_once
    cp -a "$RUN" copy
}

# page PYTHON FILE: runs PYTHON with `page`: tags balanced, parts collected
page() {
    /usr/bin/python3 - "$2" <<END
import re, sys, xml.etree.ElementTree as tree
from html.parser import HTMLParser

source = open(sys.argv[1], encoding="utf-8").read()

class Page(HTMLParser):
    void = {"meta", "br", "img"}
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.texts = [], [], []
        self.feed(source)
        self.close()
        assert self.open == [], self.open
    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.void:
            self.open.append(tag)
    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open, self.getpos())
        self.open.pop()
    def handle_data(self, text):
        if self.open and self.open[-1] != "style":
            self.texts.append(text)
    def count(self, tag, *classes):
        return sum(t == tag and set(classes) <= set(a.get("class", "").split()) for t, a in self.tags)

page = Page()
text = "\n".join(page.texts)
drawings = [tree.fromstring(part) for part in re.findall(r"<svg.*?</svg>", source, re.S)]
$1
END
}

@test "the page is whole, well-formed and needs no other file" {
    run_once
    grep -q 'report.html: open it in a browser' "$BATS_FILE_TMPDIR/says"
    [ -z "$(find "$RUN" -name '*.part')" ]
    page '
assert source.startswith("<!DOCTYPE html>") and source.rstrip().endswith("</html>")
for tag, attributes in page.tags:
    assert tag not in ("script", "link", "iframe", "object"), tag
    for name, value in attributes.items():
        assert name not in ("href", "srcset") and not name.startswith("on"), name
        assert name != "src" or value.startswith("data:image/png;base64,iVBOR"), value[:40]
assert "@import" not in source and "url(" not in source and "http" not in source
assert [t for t, a in page.tags].count("h1") == 1
order = [a["id"] for t, a in page.tags if t == "section"]
assert order == ["data", "curves", "stages", "scores", "ranking", "pictures", "made"], order
' "$RUN/report.html"
}

@test "a curve for each fold, with each of its points" {
    run_once
    page '
assert len(drawings) == 8, len(drawings)
assert page.count("polyline", "loss") == 6 and page.count("polyline", "dice") == 6
assert page.count("polyline", "accuracy") == 2
assert page.count("circle", "best") == 6
lines = [t for d in drawings[:6] for t in d.iter("polyline")]
assert sorted(len(l.get("points").split()) for l in lines) == [1] * 6 + [2] * 8, [l.get("points") for l in lines]
for drawing in drawings:
    width, height = map(float, drawing.get("viewBox").split()[2:])
    assert sum(t.get("class") == "tick" for t in drawing.iter("text")) >= 4
    for line in drawing.iter("polyline"):
        for point in line.get("points").split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= width and 0 <= y <= height, point
' "$RUN/report.html"
    # More folds, and a log of many lines: one more line each, with at most 240 points.
    copy_of_run
    jq '."train-seg-unet".folds = 3' "$RUN/config.json" >copy/config.json
    jq -n -c 'range(5000) | {iteration: (. + 1), loss: (1 / (. + 1)), images_per_second: 10},
        (select(. % 1000 == 999) | {iteration: (. + 1), dice: (. / 5000), dice_lesion: 0.5, accuracy: 1,
                                    best: true, memory_mib: 7777})' >copy/train-seg-unet/fold-2.jsonl
    "$report" copy >more.html
    page '
assert page.count("polyline", "loss") == 7
assert max(len(t.get("points").split()) for d in drawings for t in d.iter("polyline")) == 240
assert "7,777 MiB" in text and "16 min 40 s" in text and "0.9998" in text
' more.html
}

@test "figures are those of the scores, the logs and the decisions" {
    run_once
    for name in submission1 submission2 empty; do
        jq -c '[.dice, .dice_empty, .dice_lesion, .accuracy, .accuracy_empty, .accuracy_lesion, .mean_iou]' \
            "$RUN/score-$name.json"
    done >scores
    for log in "$RUN"/train-{seg-unet,seg-bisenet,cls-bisenet}/fold-{0,1}.jsonl; do
        jq -s -c 'map(select(.best)) | last | [.iteration, .dice, .dice_lesion, .accuracy]' "$log"
    done >best
    for number in 1 2; do
        inspect --json "$RUN/merge-cls$number.mpk" | jq -s 'map(select(.keep == 1)) | length'
    done >kept
    inspect --json "$RUN/train/index.mpk" | jq -r 'select(has("id")) | "\(.id) \(.lesion)"' >lesions
    page '
import json
rows = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row) for row in re.findall(r"<tr>(.*?)</tr>", source)]
def close(cell, figure):
    return abs(float(cell) - figure) < 0.5001e-4
for name, line in zip(["submission 1", "submission 2", "all empty"], open("scores")):
    row, = [row for row in rows if row[0] == name and len(row) == 9]
    figures = json.loads(line)
    assert all(map(close, [row[1]] + row[3:], figures)), (row, figures)
folds = [row for row in rows if row[0].startswith("train-") and len(row) == 9]
assert [row[:2] for row in folds] == [[s, k] for s in ("train-seg-unet", "train-seg-bisenet", "train-cls-bisenet") for k in "01"]
for row, line in zip(folds, open("best")):
    assert all(map(close, row[2:6], json.loads(line))), (row, line)
found = {row[0]: row[1:] for row in rows if len(row) == 3}
lesions = sum(int(line.split()[1]) > 0 for line in open("lesions"))
assert found["images"] == ["16", "12"] and found["height x width"] == ["256 x 256"] * 2 and found["format"] == ["PNG"] * 2
assert found["with a lesion"][0].split()[0] == str(lesions) and found["with a lesion"][1] == "", (found, lesions)
kept, = [row[1:] for row in rows if row[0] == "images kept"]
assert kept == open("kept").read().split(), kept
assert len([d for d in drawings[-1].iter("line") if d.get("class") == "cut"]) == 2
strip = sum(p.get("d").count("v-9") for p in drawings[-1].iter("path"))
assert strip == 12, strip
' "$RUN/report.html"
}

@test "pictures: best, median, worst, false alarms; no name becomes mark-up" {
    run_once
    page '
import base64, csv, html, struct
cases = {row["ImageId"]: row for row in csv.DictReader(open(sys.argv[1].replace("report.html", "score-submission1.csv"), newline=""))}
assert any("<script>" in i for i in cases) and any("\n" in i for i in cases)
groups = {title: [html.unescape(i) for i in re.findall(r"<span class=\"id\">(.*?)</span>", rest, re.S)]
          for title, rest in re.findall(r"<h3>(Best|Median|Worst|False alarms) (.*?)(?=<h3>|</section>)", source, re.S)}
lesions = sorted((float(c["Dice"]) for c in cases.values() if int(c["Truth"]) > 0), reverse=True)
dice = {g: [float(cases[i]["Dice"]) for i in ids] for g, ids in groups.items()}
k = min(5, (len(lesions) + 2) // 3)
assert k > 0 and dice["Best"] == lesions[:k], (dice, lesions)
assert dice["Worst"] == lesions[::-1][:min(k, len(lesions) - k)], dice
alarms = {i for i, c in cases.items() if int(c["Truth"]) == 0 and int(c["Prediction"]) > 0}
assert alarms and set(groups["False alarms"]) <= alarms and len(groups["False alarms"]) == min(5, len(alarms)), alarms
shown = sum(groups.values(), [])
assert len(shown) == len(set(shown)) == page.count("img") and any("<script>" in i for i in shown), shown
for tag, attributes in page.tags:
    assert tag not in ("script", "b") or not attributes, (tag, attributes)
    if tag == "img":
        assert set(attributes) == {"alt", "src"}
        picture = base64.b64decode(attributes["src"].split(",")[1], validate=True)
        assert struct.unpack(">II", picture[16:24]) == (300, 300)
assert "<script" not in source and "<img src=x" not in source and "x <b>" not in source
assert "x <b>&amp;/train" in text
' "$RUN/report.html"
}

# What validation would make, in small: made up, but for the ids.
add_unseen() {
    local name
    inspect --json "$RUN/train/index.mpk" | jq -r -s '"ImageId,Dice,Truth,Prediction,Both",
        (map(select(.id)) | to_entries[] | "\(.value.id),\(.key / 20),\(.value.lesion),7,3")' >copy/score-validation-submission1.csv
    for name in validat{ion-submission1,ion-submission2,ion-merge-seg,e-seg-unet,e-seg-bisenet,e-cls-bisenet}; do
        jq '.dice = 0.1234 | .roc_area = 0.75 | .roc_area_low = 0.5 | .roc_area_high = 1 | .brier = null' \
            "$RUN/score-submission1.json" >"copy/score-$name.json"
    done
    for name in validation-merge-seg validate-{seg-unet,seg-bisenet,cls-bisenet}; do
        jq -n -c '{roc: [[0, 0], [0, 0.5], [0.5, 1], [1, 1]], froc: [[0, 0], [4, 0.5], [12, 0.75]],
            reliability: [range(20) | if . % 2 == 0 then {pixels: (1 + . * 100), probability: (. / 20 + 0.02), lesion: (. / 20)}
                                      else {pixels: 0, probability: null, lesion: null} end]}' >"copy/curves-$name.json"
    done
    echo '{"roc":[],"froc":[],"reliability":[]}' >copy/curves-validate-cls-bisenet.json # all images with a lesion, say
    jq -n -c '[(0.2, 0.5, 0.9) as $decide | (0, 1000) as $area | (0.3, 0.4) as $mask
        | {decide: $decide, area: $area, mask: $mask, dice: ($decide * $mask + $area / 10000)}]
        | {images: 16, left_out: 0, rule: max_by(.dice), dice: 0.4321, dice_low: 0.4, dice_high: 0.5, dice_empty: 1, dice_lesion: 0,
           folds: .[:2], grid: .}' >'copy/rule-cls+seg.json'
}

@test "images that the models have not seen: scores, curves and rules, where they have been made" {
    run_once
    page '
assert "Not made: scores of images that the models have not seen" in text and "make score-validation report" in text, text
assert "Not made: rule-cls+seg" in text and "make calibrate report" in text
' "$RUN/report.html"
    copy_of_run
    add_unseen
    inspect --json "$RUN/train/index.mpk" | jq -r 'select(has("id")) | "\(.id) \(.lesion)"' >lesions
    "$report" copy >page.html
    "$report" copy | sed 's/<time>[^<]*//' | cmp - <(sed 's/<time>[^<]*//' page.html)
    page '
order = [a["id"] for t, a in page.tags if t == "section"]
assert order == ["data", "curves", "stages", "scores", "validation", "rules", "ranking", "pictures", "made"], order
assert "Not made" not in text
part, = re.findall("<section id=.validation.>.*?</section>", source, re.S)
rows = {re.sub("<.*?>", "", row[0]): row[1:] for row in (re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row) for row in re.findall(r"<tr>(.*?)</tr>", part))}
assert list(rows)[1:] == ["submission 1", "submission 2", "merge-seg", "seg-unet", "seg-bisenet", "cls-bisenet (merge-cls)", "rule-cls+seg, nested"], rows
assert rows["merge-seg"][0] == "0.1234" and rows["merge-seg"][4] == "0.7500" and rows["merge-seg"][7] == "–", rows
assert rows["rule-cls+seg, nested"][:2] == ["0.4321", "0.4000 – 0.5000"], rows
roc, froc, reliability, sizes = [tree.fromstring(d) for d in re.findall(r"<svg.*?</svg>", part, re.S)]
def lines(drawing, name):
    return [l.get("points").split() for l in drawing.iter("polyline") if name in l.get("class").split()]
# A line a series that has one, and of the ensemble a thick one; what is drawn is also said.
for drawing, points in (roc, 4), (froc, 3), (reliability, 10):
    assert [len(l) for l in lines(drawing, "curve")][:3] == [points] * 3 and len(lines(drawing, "mean")) == 1, drawing.attrib
assert "merge-seg: area 0.750 (0.500 – 1.000), average precision" in roc.get("aria-label")
assert "merge-seg: Brier score no value" in reliability.get("aria-label")
assert lines(froc, "mean")[0][2] == "504,%s" % (400 - 48 - round(0.625 * 324, 1)), lines(froc, "mean") # cut at 8
assert len([r for r in reliability.iter("rect")]) == 10
spots, = [p for p in sizes.iter("path") if p.get("class") == "spots"]
lesions = sum(int(l.split()[1]) > 0 for l in open("lesions"))
assert spots.get("d").count("M") == lesions > 4 and [len(l) for l in lines(sizes, "c1")] == [5], (spots.attrib, lesions)
for drawing in roc, froc, reliability, sizes:
    for line in lines(drawing, "curve"):
        for x, y in (map(float, point.split(",")) for point in line):
            assert 0 <= x <= 520 and 0 <= y <= 440
part, = re.findall("<section id=.rules.>.*?</section>", source, re.S)
heat, = re.findall("<table class=.heat.>.*?</table>", part, re.S)
cells = re.findall("class=\"number( chosen|)\" style=\"--at:([0-9.]+)\">([0-9.]+)<", heat)
assert [c[2] for c in cells] == ["0.080", "0.200", "0.360", "0.180", "0.300", "0.460"], cells
assert [c[1] for c in cells] == ["0", "0.32", "0.74", "0.26", "0.58", "1"] and [c[0] for c in cells] == [""] * 5 + [" chosen"], cells
assert "decide 0.9, area 1000, mask 0.4" in part and "0.4321 (0.4000 – 0.5000)" in part
' page.html
    # What is there of it is shown, and what is not is named.
    rm copy/score-validat{e-seg-unet,ion-submission1}.* copy/rule-cls+seg.json
    "$report" copy >page.html
    page '
assert [a["id"] for t, a in page.tags if t == "section"][4:6] == ["validation", "ranking"]
assert "the curves behind them, of submission 1, seg-unet." in text and "Not made: rule-cls+seg" in text, text
' page.html
    add_unseen
    for file in score-validate-seg-unet curves-validate-seg-unet score-validation-submission2 rule-cls+seg; do
        cp "copy/$file.json" away
        echo '{"dice": ' >"copy/$file.json"
        fails 1 "copy/${file/curves/score}.json: i" "$report" copy
        [ -z "$output" ]
        mv away "copy/$file.json"
    done
    sed -i 's/^[^I]/x&/' copy/score-validation-submission1.csv
    fails 1 "copy/score-validation-submission1.csv: is not score's of these images" "$report" copy
}

@test "without truth there are predictions only" {
    copy_of_run
    jq '.data.truth = ""' "$RUN/config.json" >copy/config.json
    rm copy/score-*
    "$report" copy >page.html
    page '
assert "truth is not known" in text and "Dice of submission" not in text
order = [a["id"] for t, a in page.tags if t == "section"]
assert order == ["data", "curves", "stages", "ranking", "pictures", "made"], order
assert re.findall(r"<h3>(\w[\w ]*) <small>", source) == ["Largest", "Near the cut", "Empty"]
assert 3 <= page.count("img") <= 20
assert "kept in submission 1" in text and "truly" not in text
' page.html
}

@test "what is missing or broken is named, and nothing is written" {
    copy_of_run
    mkdir tmp
    export TMPDIR=$PWD/tmp
    for file in config.json submission1.csv train-seg-unet/fold-1.jsonl \
        test/index.mpk survey.json merge-cls2.mpk score-empty.json score-submission1.csv; do
        mv "copy/$file" away
        fails 1 "copy/$file: cannot be read" "$report" copy
        [ -z "$output" ]
        mv away "copy/$file"
    done
    wrong() { # wrong FILE WORDS: FILE of the copy, cut in the middle
        head -c $(($(stat -c %s "$RUN/$1") / 2)) "$RUN/$1" >"copy/$1"
        fails 1 "$2" "$report" copy
        [ -z "$output" ]
        cp -a "$RUN/$1" "copy/$1"
    }
    wrong config.json "config.json: is not a checked configuration"
    wrong train-seg-unet/fold-0.jsonl "fold-0.jsonl: is not a log"
    wrong merge-cls1.mpk "merge-cls1.mpk: "
    head -n 2 "$RUN/submission1.csv" >copy/submission1.csv
    fails 1 "submission1.csv: is of other images" "$report" copy
    [ -z "$output" ]
    cp -a "$RUN/submission1.csv" copy/
    fails 2 "usage" "$report"
    [ -z "$(ls tmp)" ]
    # And by make: no page, rather than half of one.
    rm copy/report.html copy/train-seg-unet/fold-0.jsonl
    fails 2 "fold-0.jsonl: cannot be read" method WORK="$PWD/copy" report
    [ ! -e copy/report.html ]
    cp -a "$RUN/train-seg-unet/fold-0.jsonl" copy/train-seg-unet/
    method WORK="$PWD/copy" report
    [ -s copy/report.html ]
}
