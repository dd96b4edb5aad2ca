# wanted.jq: a checked configuration -> which files of a run the report is made of, below its folder, as variables of the shell.
#   jq -r -L pipelines/method -f pipelines/report/wanted.jq config.json
include "stages";

def list($name): "\($name)=(\(map(@sh) | join(" ")))";

if .data.test then . else error("not a checked configuration") end
| submissions as $submissions
| (.data.truth // "") as $truth
| "submission=\($submissions[0] | @sh)",
  ([$submissions[] as $name | decisions($name) + ".mpk"] | list("decided")),
  # What must be there: logs, masks, the survey, scores
  ([(needed_training[] as $stage | range(.[$stage].folds) | "\($stage)/fold-\(.).jsonl"), $submissions[0] + ".csv", "survey.json",
    (select($truth != "") | "score-\($submissions[0]).csv", "score-\($submissions[], "empty").json")] | list("files")),
  # And what is shown where it is there
  ([((needed_training + needed_testing + (needed_testing | map(validator)))[] + "/joblog"),
    ((unseen_submissions + unseen_probabilities)[] | "score-\(.).json", "curves-\(.).json"), rules[] + ".json",
    "score-\(sized[]).csv"] | list("others")),
  (.data.test | list("xrays")),
  "size=\(.data.size | @sh) truth=\($truth | @sh)"
