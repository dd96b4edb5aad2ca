# report.jq: what gather.jq took from a run, pictures by their images' ids, what this runs on -> the page. Whatever comes from
# files goes through @html.
include "charts";
include "page";
include "survey";
include "validation";
include "stages";

$config[0] as $config | $figures[0] as {$folds, $times, $scores, $rankings, $cases, $groups, $train, $test, $survey, $unseen,
  $probabilities, $rules, $sizes, $sizes_unseen}
| ($scores | map({(.name): .}) | add) as $score
| ($config | submissions) as $submissions | $submissions[0] as $shown
| ($cases | map({(.id): .}) | add // {}) as $case

| def stages: $config | needed_training;
# submission1 -> "submission 1"
def spaced: "submission " + (ending | ltrimstr("-"));

# ---- title
def data_text:
  if $config.synth then "made-up X-rays" else "X-rays of \($config.data.train | join(" and "))" end
  + ": \($train.images | grouped) to train on"
  + (if $train.lesion then " (\($train.lesion | grouped) with a lesion)" else "" end)
  + ", \($test.images | grouped) to test";
def title: "Pleura" + if $config.profile then ": " + $config.profile else "" end;
def header:
  "<header><h1>\(title | @html)</h1><p>Segmentation of pneumothorax in \(data_text | @html).<br>"
  + "<time>\($date | @html)</time></p></header>";

# ---- tiles
def tile($name; $value; $body):
  "<div class=\"tile\"><h3>\($name | @html)</h3><p class=\"value\">\($value | @html)</p>\($body)</div>";
def bar($class; $name; $value):
  "<div class=\"bar \($class)\"><span>\($name | @html)</span><b><i style=\"width:\($value * 100 | rounded(1))%\"></i></b>"
  + "<span class=\"number\">\($value | fixed(3))</span></div>";
def whisker($low; $at; $high; $other):
  "<div class=\"whisker\"><i class=\"range\" style=\"left:\($low * 100 | rounded(1))%;"
  + "width:\(($high - $low) * 100 | rounded(1))%\"></i>"
  + "<i class=\"at\" style=\"left:\($at * 100 | rounded(1))%\"></i>"
  + "<i class=\"other\" style=\"left:\($other * 100 | rounded(1))%\"></i></div>"
  + "<div class=\"ends\"><span>0</span><span>1</span></div>";
def tiles_of_truth:
  $score[$shown] as $s | $score.empty as $e
  | tile("Dice of \($shown | spaced)"; $s.dice | fixed(3);
      ($submissions | map(bar("ours"; spaced; $score[.].dice)) | add) + bar("empty"; "all empty"; $e.dice)),
    tile("95 % interval"; "\($s.dice_low | fixed(3)) – \($s.dice_high | fixed(3))";
      whisker($s.dice_low; $s.dice; $s.dice_high; $e.dice)
      + note("bootstrap over \($s.images | grouped) images; the thin mark is the answer “all empty”")),
    tile("Dice of lesions"; $s.dice_lesion | fixed(3);
      note("mean over the \($s.lesion | grouped) images that show one; “all empty” has \($e.dice_lesion | fixed(3))")),
    tile("Empty images left empty"; $s.accuracy_empty | percent;
      note("of \($s.empty | grouped); lesions noticed: \($s.accuracy_lesion | percent) of \($s.lesion | grouped)"));
# Of a ranking: how many images its submission $n keeps
def kept($n): [.areas[] | select(.keep[$n])] | length;
def tiles_without_truth:
  ($submissions[] | . as $name | ($rankings[] | select(.submissions | index($name)))
    | tile("Kept in \($name | spaced)"; kept(.submissions | index($name)) | grouped;
        note("of \(.areas | length | grouped) images, with the \(.rule // "ratio \($config[$name].ratio)")"))),
  tile("Models"; $folds | length | tostring; note(stages | map("\($config[.].folds) \(.)") | join(", ")));
def tiles: "<div class=\"tiles\">" + ([if $score then tiles_of_truth else tiles_without_truth end] | add) + "</div>"
  + if $score then "" else note("The truth is not known here, so there are no scores.") end;

# ---- X-rays and labels
def survey_section: $survey as $found
  | section("data"; "X-rays"; $config.notes.data // "";
      table(["", "#to train on", "#to predict"];
        [$found | survey_rows | "<tr><th>\(.[0] | @html)</th>" + number(.[1]) + number(.[2]) + "</tr>"])
      + if $found.notices == [] then "" else "<ul class=\"notices\">"
        + ($found.notices | map("<li>\(.example | @html): \(.reason | @html)"
          + (if .count > 1 then " (and \(.count - 1 | grouped) more)" else "" end) + "</li>") | add) + "</ul>" end);

# ---- curves
def of_stage($stage): [$folds[] | select(.stage == $stage)];
def chart($high_x; $y): {width: 520, height: 300,
  x: {high: $high_x, label: "iteration", ticks: ticks($high_x; 5)}, y: $y};
def fold_class: "c\(.fold % 10)" + if .fold >= 10 then " more" else "" end;
# Many dots would hide the lines.
def few: if length > 12 then [] else . end;
def loss_chart($stage; $high_x):
  (of_stage($stage) | map(.loss[][1]) | max // 1) as $high
  | chart($high_x; {high: ($high * 1.03), label: "loss", ticks: ticks($high * 1.03; 5)}) as $chart
  | $chart | svg("loss of \($stage)"; of_stage($stage) | map(. as $fold
      | ($fold.loss | curve($chart; "curve loss \($fold | fold_class)"; "fold \($fold.fold)"))
        + ([$fold.loss | few[] | . as $at | dot($chart; "dot \($fold | fold_class)"; 3;
            "fold \($fold.fold), iteration \($at[0]): loss \($at[1] | fixed(4))")] | add // "")) | add);
def dots($chart): . as $fold
  | ($fold.scores | few[] | . as $at | [.iteration, .dice] | dot($chart; "dot \($fold | fold_class)"; 3;
       "fold \($fold.fold), iteration \($at.iteration): Dice \($at.dice | fixed(4))")),
    ($fold.best | select(.) | . as $at | [.iteration, .dice] | dot($chart; "best \($fold | fold_class)"; 6;
       "fold \($fold.fold), kept: iteration \($at.iteration), Dice \($at.dice | fixed(4)), accuracy \($at.accuracy | fixed(4))"));
def dice_chart($stage; $high_x):
  ($config[$stage].keep == "wacc") as $by_accuracy
  | chart($high_x; {high: 1, label: (if $by_accuracy then "Dice, and accuracy (dashed)" else "Dice" end),
      ticks: [range(6) / 5]}) as $chart
  | $chart | svg("Dice of \($stage)"; of_stage($stage) | map(. as $fold
      | ($fold.scores | map([.iteration, .dice])
         | curve($chart; "curve dice \($fold | fold_class)"; "Dice of fold \($fold.fold)"))
        + (if $by_accuracy then $fold.scores | map([.iteration, .accuracy])
             | curve($chart; "curve accuracy \($fold | fold_class)"; "accuracy of fold \($fold.fold)") else "" end)
        + ([dots($chart)] | add // "")) | add);
def curves: stages | map(. as $stage | (of_stage($stage) | map(.loss[][0], .scores[].iteration) | max // 1) as $high_x
  | "<article><h3>\($stage | @html)</h3><div class=\"pair\">\(loss_chart($stage; $high_x))\(dice_chart($stage; $high_x))</div>"
    + (of_stage($stage) | map({class: fold_class, text: "fold \(.fold)"})
       | . + [{class: "ring", text: "checkpoint kept"}] | legend)
    + "</article>") | add;

# ---- stages
def settings_rows:
  def row($name; f): "<tr><th>\($name | @html)</th>" + (stages | map($config[.] | f | text_cell) | add) + "</tr>";
  row("network"; full_network), row("starts from"; if .init == "" then "random weights" else .init end),
  row("models (folds)"; .folds), row("images"; {lesion: "with a lesion", half: "half with, half without", all: "all"}[.images]),
  row("side"; .side), row("masks dilated"; if .dilate > 0 then "\(.dilate) x \(.dilate)" else "no" end),
  row("iterations"; .iterations | grouped), row("batch x accumulated"; "\(.batch) x \(.accumulate)"),
  row("rate"; .rate), row("keeps the best"; {dice: "Dice", wacc: "accuracy"}[.keep]), row("precision"; .precision);
def job($fold): [$times[] | select(.stage == $fold.stage) | .jobs[] | select(.fold == $fold.fold)] | last;
def fold_rows: $folds[] | . as $fold
  | "<tr><td>\(.stage | @html)</td>" + number(.fold)
    + number(.best.iteration | if . then grouped else "–" end) + number(.best.dice | fixed(4))
    + number(.best.dice_lesion | fixed(4)) + number(.best.accuracy | fixed(4)) + number("\(.memory | grouped) MiB")
    + number(.seconds | duration) + number(job($fold).seconds | duration) + "</tr>";
def stage_tables:
  table([""] + stages; [settings_rows])
  + table(["stage", "#fold", "#best iteration", "#Dice", "#Dice of lesions", "#accuracy", "#memory", "#training",
      "#wall time"]; [fold_rows])
  + note("Scores are those of the checkpoint that was kept, on the fold's validation images. "
      + "Training: the time of the steps, by the fold's log. Wall time: of GNU parallel's last job for the fold, "
      + "all included; a job that found its fold done, or went on with it, is shorter.");

# ---- scores
def score_rows: $scores[] | . as $s
  | "<tr><th>\(if .name == "empty" then "all empty" else .name | spaced | @html end)</th>"
    + number(.dice | fixed(4)) + number("\(.dice_low | fixed(4)) – \(.dice_high | fixed(4))")
    + ([.dice_empty, .dice_lesion, .accuracy, .accuracy_empty, .accuracy_lesion, .mean_iou]
       | map(number(fixed(4))) | add) + "</tr>";
def score_table: section("scores"; "Scores";
  "Over all test images. Two empty masks count 1, one empty mask counts 0; “all empty” answers that no image shows a lesion.";
  table(["", "#Dice", "#95 % interval", "#Dice of empty", "#Dice of lesions", "#accuracy",
      "#accuracy of empty", "#accuracy of lesions", "#mean IoU"]; [score_rows])
  + if $sizes == [] then "" else "<div class=\"pair\">" + ($sizes | sizes("Size of lesions and Dice"; $shown | spaced)) + "</div>" end);

# ---- images that the models have not seen
# validation-merge-seg -> "merge-seg", validate-cls-bisenet -> "cls-bisenet (merge-cls)": merges of one stage are that stage
def unseen_label: . as $name
  | if startswith("validation-submission") then ltrimstr("validation-") | spaced
    elif startswith("validation-") then ltrimstr("validation-")
    else ([$config | needed_merges[] as $merge | select(unseen($merge) == $name) | $merge] | join(", ")) as $merges
      | ltrimstr("validate-") + if $merges == "" then "" else " (\($merges))" end end;
def unseen_series: [$probabilities[] | select(.curves)] | to_entries
  | map(.key as $i | .value | . + {label: (.name | unseen_label),
      class: ("c\($i % 10)" + (if .name | startswith("validation-") then " mean" else "" end) + if $i >= 10 then " more" else "" end)});
def unseen_rows:
  def row($heading): "<tr><th>\($heading | @html)</th>" + number(.dice | fixed(4))
    + number("\(.dice_low | fixed(4)) – \(.dice_high | fixed(4))")
    + ([.dice_empty, .dice_lesion, .roc_area, .average_precision, .froc, .brier, .calibration_error]
       | map(number(fixed(4))) | add) + "</tr>";
  ($unseen[], $probabilities[] | .name as $name | .scores | row($name | unseen_label)),
  ($rules[] | select(.dice) | row("\(.name), nested"));
def unseen_section: unseen_series as $series
  | if $unseen + $probabilities == [] then empty else section("validation"; "Images that the models have not seen";
      "Each training image is predicted by the one model of each stage that has not seen it. Stages and merges are scored without "
      + "a decision: every image keeps its outlines.";
      table(["", "#Dice", "#95 % interval", "#Dice of empty", "#Dice of lesions", "#area under ROC", "#average precision", "#FROC",
          "#Brier score", "#calibration error"]; [unseen_rows])
      + "<div class=\"pair\">" + (if $series == [] then "" else roc($series) + froc($series) + reliability($series) end)
      + ($sizes_unseen | if (.lesions // []) == [] then "" else .name as $name
          | .lesions | sizes("Size of lesions and Dice"; $name | unseen_label) end) + "</div>") end;
def rule_sections: $rules[] | . as $rule
  | section(if $rules | length > 1 then .name else "rules" end; "Rules tried" + if $rules | length > 1 then ": \(.name)" else "" end;
      "Learned from \(.images | grouped) images that the models have not seen: an image is kept where more pixels than the limit have a "
      + "probability above “decide”; its mask is what lies above “mask”. The best of the \(.grid | length | grouped) rules of the grid: \(
        .rule | rule_text), Dice \(.rule.dice | fixed(4))"
      + if .dice then "; chosen on the other folds: \(interval(.; "dice"; 4))." else "." end;
      "<div class=\"pair\">\(heat)<div>" + table(["mask", "best rule with it", "#Dice"]; mask_rows)
      + (if .folds then table(["fold", "rule that the others chose", "#its Dice"]; [.folds | to_entries[] | "<tr>" + (.key | text_cell)
          + (.value | rule_text | text_cell) + number(.value.dice | fixed(4)) + "</tr>"]) else "" end) + "</div></div>");
# What has not been made
def absent: ($config | unseen_submissions + unseen_probabilities - [($unseen, $probabilities)[] | .name] | map(unseen_label)) as $scores
  | ($config | rules - [$rules[].name]) as $tried
  | (if $scores == [] then empty else "Not made: scores of images that the models have not seen, and the curves behind them, of \(
        $scores | join(", ")). “make score-validation report” shows them." end),
    (if $tried == [] then empty else "Not made: \($tried | join(", ")), learned from such images. “make calibrate report” shows the rules tried." end)
  | note(.);

# ---- ranking of areas
def pixels: $test.pixels[.id];
def share: .area / pixels;
def class_of: $case[.id] as $case
  | if $case then (if $case.truth > 0 then "lesion" else "none" end) elif .keep[0] then "kept" else "left" end;
# A ranking: {merge, submissions, areas}, the areas of one merge's maps, with the cuts of the submissions for which it decides
def ratio($n): $config[.submissions[$n]].ratio;
# A cut is behind the last image kept: at its ratio's rank, or before where images have the very area of that rank.
# The name of the first cut stands on its left, those of others on their right, one below the other.
def cuts($chart): . as $ranking | [range(.submissions | length)] | sort_by(. as $n | $ranking | ratio($n)) | to_entries | map(
  .value as $n | (if .key == 0 then "end" else "start" end) as $anchor | (40 + 14 * ([.key - 1, 0] | max)) as $y
  | $ranking | at_x($chart; kept($n)) as $x
  | { n: $n, svg: ("<line class=\"cut\" x1=\"\($x)\" x2=\"\($x)\" y1=\"28\" y2=\"\(at_y($chart; 0) + $chart.strip)\"/>"
      + "<text class=\"name\" x=\"\($x + if $anchor == "end" then -6 else 6 end)\" y=\"\($y)\" text-anchor=\"\($anchor)\">"
      + "\(.submissions[$n] | spaced | @html)</text>") }) | sort_by(.n) | map(.svg) | add;
def strokes($chart; $class): .areas as $areas | ($areas | length) as $n
  | [range($n) as $i | $areas[$i] | select(class_of == $class) | [$i + 0.5, share * 100]] as $points
  | if $points == [] then "" else
      at_y($chart; 0) as $base
      | "<path class=\"area \($class)\" stroke-width=\"\([($chart | plot_width) / $n * 0.8, 0.5] | max | rounded(2))\" d=\""
        + ($points | map(at_x($chart; .[0]) as $x
            | "M\($x) \($base + 12)v-9M\($x) \($base)V\(at_y($chart; .[1]))") | add) + "\"/>" end;
def cut_rows:
  def row($name; f): "<tr><th>\($name | @html)</th>"
      + ([range(.submissions | length) as $n | . + {n: $n} | f | number(.)] | add) + "</tr>";
  def kept_areas: .n as $n | .areas | map(select(.keep[$n]));
  def left_areas: .n as $n | .areas | map(select(.keep[$n] | not));
  def area_text: if . then share | percent else "–" end;
  def lesions: map(select(class_of == "lesion")) | length | grouped;
  if .rule then empty else row("ratio"; ratio(.n) | tostring) end, row("images kept"; kept_areas | length | grouped),
  row("smallest area kept"; kept_areas | last | area_text),
  row("largest not kept"; left_areas | first | area_text),
  if $score then row("lesions kept"; kept_areas | lesions), row("lesions missed"; left_areas | lesions) else empty end;
def names: if $score then [{class: "lesion", text: "truly a lesion"}, {class: "none", text: "truly none"}]
  else [{class: "kept", text: "kept in \(.submissions[0] | spaced)"}, {class: "left", text: "not kept"}] end;
def ranking: . as $ranking | .areas as $areas
  | ([$areas[] | share * 100] | max // 1 | if . > 0 then . * 1.05 else 1 end) as $high
  | ([$areas | length, 1] | max) as $n
  | {width: 640, height: 360, top: (50 + 14 * ([(.submissions | length) - 2, 0] | max)), strip: 14,
     x: {high: $n, label: "images, by the area that the classification outlines", ticks: ticks($n; 8)},
     y: {high: $high, scale: "root", unit: " %", label: "area of the image (square-root scale)",
         ticks: root_ticks($high; 0.09)}} as $chart
  | (if .rule then "-rule" else "" end) as $ending
  | section(if {merge, rule} == ($rankings[0] | {merge, rule}) then "ranking" else "ranking-\(.merge)\($ending)" end;
      "Which images show a lesion" + if $rankings | length > 1 then ": " + .merge + $ending else "" end;
      (if .rule then "The decision follows the \(.rule), which was learned from images that the models have not seen. " else "" end)
      + "The classification models' mean map ranks the images by its area above \(
          if .rule then .rule | capture("decide (?<at>[0-9.e-]+)").at else $config[.merge].threshold end); "
      + "images to the left of a submission's cut keep their outlines, the others are answered “none”. "
      + "The strip below the axis has one mark an image."
      + if $areas | map(pixels) | unique | length > 1
        then " Images of several sizes are ranked by pixels, and drawn by their share." else "" end;
      "<div class=\"wide\"><div>" + ($chart
        | svg("areas of the images, ranked"; $ranking
            | (names | map(.class as $class | $ranking | strokes($chart; $class)) | add) + cuts($chart)))
      + (names | legend) + "</div>"
      + table(["submission"] + (.submissions | map("#" + (ending | ltrimstr("-")))); [cut_rows]) + "</div>");

# ---- pictures
def caption: $case[.id] as $case
  | if $case then "<b>Dice \($case.dice | fixed(3))</b> "
      + "lesion \($case.truth / pixels | percent), outlined \($case.prediction / pixels | percent)"
    else "<b>\(if .keep[0] then "kept" else "not kept" end)</b> area \(share | percent)" end;
def picture: $ARGS.named["picture \(.id)"] // ("report: \($submission): is of other images than the scores and decisions\n" | halt_error(1));
def figure: ("<img alt=\"X-ray \(.id | @html)\" src=\"data:image/png;base64,\(picture)\">") as $image
  | "<figure>\($image)<figcaption><span class=\"id\">\(.id | @html)</span>\(caption)</figcaption></figure>";
def gallery: section("pictures"; "Pictures";
  (if $score then "Green: the true lesion. Red: \($shown | spaced). In per cent: the share of the picture."
   else "Red: \($shown | spaced). In per cent: the classification's share of the picture." end);
  $groups | map("<h3>\(.title | @html) <small>\(.note | @html)</small></h3>"
    + if .cases == [] then note("None.") else "<div class=\"gallery\">" + (.cases | map(figure) | add) + "</div>" end) | add);

# ---- what it ran on
def time_rows: $times[] | (.jobs | map(.start) | min) as $from | (.jobs | map(.start + .seconds) | max) as $to
  | "<tr>" + (.stage | text_cell) + number(.jobs | length) + number($from | if . then strftime("%Y-%m-%d %H:%M") else "–" end)
    + number(if $from then $to - $from | duration else "–" end) + number(.jobs | map(.seconds) | add | duration) + "</tr>";
def machine_rows: (["Pleura", $version], ["processor", "\($processor), \($cores) threads"], ["memory", $memory], ["system", $system],
  ($packages | split("\n")[] | split(" ") | select(length == 2)))
  | "<tr><th>\(.[0] | @html)</th>\(.[1] | text_cell)</tr>";
def colophon: section("made"; "Versions and times";
  "Where this page was made. Times are those of GNU parallel's last job logs.";
  "<div class=\"pair\"><div class=\"scroll\"><table><tbody>\([machine_rows] | add)</tbody></table></div>"
  + table(["stage", "#jobs", "#began (UTC)", "#took", "#all jobs"]; [time_rows]) + "</div>");

"<!DOCTYPE html>",
"<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">",
"<title>\(title | @html)</title><style>\n\($css)</style></head><body><main>",
header, tiles, absent, survey_section,
section("curves"; "Training";
  "A line a fold. Loss: the mean over the steps since the line before. Dice: on the fold's validation images."; curves),
section("stages"; "Stages"; ""; stage_tables),
(if $score then score_table else empty end), unseen_section, rule_sections, ($rankings[] | ranking), gallery, colophon,
"<footer>Research software. It is not a medical device, and nothing here is a finding.</footer></main></body></html>"
