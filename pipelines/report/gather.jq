# gather.jq: the files of a run -> what report.jq shows, in one line; then the rows of the first submission whose images have
# pictures. A file that is not what it should be is an error that names it.
#   jq -n -r -L pipelines/report -L pipelines/method --arg work WORK --slurpfile config config.json
#       --slurpfile train INDEX --slurpfile test INDEX [--slurpfile N DECISIONS]... [--rawfile FILE WORK/FILE]... -f gather.jq
# INDEX and DECISIONS are as inspect prints them, these of the submission of number N; FILE is a name below WORK. What need
# not be there, and is not, is left out.
include "figures";
include "stages";

$config[0] as $config | $ARGS.named as $files | (($config.data.truth // "") != "") as $scored
| ($config | submissions) as $submissions | ($train | samples) as $train | ($test | samples) as $test

# read: of FILE's text, if it is WHAT it should be
| def read($file; filter; $what): [try ($files[$file] | filter) catch error("\($work)/\($file): is not \($what)")][0];
def there: in($files);

def folds: $config | needed_training[] as $stage | .[$stage] as $own | range($own.folds) as $fold
  | read("\($stage)/fold-\($fold).jsonl"; [lines | fromjson] | fold_log($fold; $own.batch) + {stage: $stage}; "a log of train-fold");
def times: $config | (needed_training + needed_testing + (needed_testing | map(validator)))[]
  | . as $stage | (. + "/joblog") | select(there) # else the times are not known
  | {stage: $stage, jobs: read(.; jobs(lines); "a job log of GNU parallel")};
def scores: ($submissions + ["empty"])[] as $name | read("score-\($name).json"; {name: $name} + fromjson; "score's");
def decided: [range($submissions | length) as $n | $submissions[$n] as $name | $files["\($n)"]
  | {submission: $name, merge: $config[$name].decide, file: ($config | decisions($name) + ".mpk"), images: map(select(has("id"))),
     rule: (.[0].history | map(select(startswith("rule: "))) | last)}];
def unseen_scores: .[] as $name | "score-\($name).json" | select(there)
  | read(.; fromjson | if .dice then {name: $name, scores: ., curves: ($files["curves-\($name).json"] // "null" | fromjson)} else error end;
      "score's, or its curves are not");
def rules_tried: $config | rules[] as $name | "\($name).json" | select(there)
  | read(.; fromjson | if .grid then {name: $name} + . else error end; "calibrate's");
def sizes($name; $pixels): read("score-\($name).csv"; cases | lesions($pixels); "score's of these images");
def sizes_unseen: first($config | sized[] | select("score-\(.).csv" | there) | {name: ., lesions: sizes(.; $train.pixels)}) // null;

try (
  (decided | rankings) as $rankings
  | (if $scored then read("score-\($submissions[0]).csv"; cases; "score's") else [] end) as $cases
  | (if $scored then $cases | groups_by_truth else $rankings[0].areas | groups_by_area end) as $groups
  | {
      folds: [folds], times: [times], scores: [if $scored then scores else empty end], rankings: $rankings, cases: $cases, groups: $groups,
      train: ($train | del(.pixels)), test: $test,
      survey: read("survey.json"; fromjson | if .train.images then . else error end; "survey's"),
      unseen: [$config | unseen_submissions | unseen_scores], probabilities: [$config | unseen_probabilities | unseen_scores],
      rules: [rules_tried], sizes: (if $scored then sizes($submissions[0]; $test.pixels) else [] end), sizes_unseen: sizes_unseen
    } | tojson,
    ([$groups[].cases[] | {(.id): true}] | add // {} | . as $chosen | $files["\($submissions[0]).csv"] | rows_of($chosen))
) catch ("report: \(.)\n" | halt_error(1))
