# settings.jq: the checked configuration -> what plan.sh asks of it, a line each: a name, a tab, the value (lists: with blanks
# between). Names are STAGE.SETTING, those of lists of stages, and `rule`: the merges of the first submission that has one.
# $options: what train-fold --options says
include "stages";

def words: map(tostring) | join(" ");
def line($name; $value): "\($name)\t\($value)";
# The stage that STAGE begins with, where a step of both takes the same
def alike($stage): [beginning($stage) as $first | select($first and ([.[$stage, $first]
    | [.side, .batch, .accumulate, .ranks // 1, .precision, .optimizer, .ema]] | .[0] == .[1])) | $first] | words;
def optimizer: ["--optimizer", .optimizer // $options.optimizer.default] + if (.ema // 0) > 0 then ["--ema"] else [] end | words;

# So many iterations tell how long one takes: where ranks share out the batches of a step, all of the step.
def together: if (.ranks // 1) > 1 then .accumulate else 1 end;

line("training"; needed_training | words),
line("testing"; needed_testing | words),
line("deciding"; deciding | words),
line("segmenting"; segmenting | words),
line("rule"; with_rule[0] as $name | if $name then .[$name] | "\(.decide) \(.segment)" else "" end),
(select(has("synth")) | line("synth.format"; .synth.format // "dicom")),
(training[] as $stage
  | line("\($stage).alike"; alike($stage)),
    (.[$stage]
      | (("folds", "images", "side", "batch", "network") as $key | line("\($stage).\($key)"; .[$key])),
        line("\($stage).full"; full_network), line("\($stage).networks"; networks), line("\($stage).together"; together), line("\($stage).optimizer"; optimizer))),
(testing[] as $stage | line("\($stage).sides"; sides($stage) | words), line("\($stage).passes"; passes($stage))),
(merges[] as $merge | line("\($merge).stages"; .[$merge].stages | words), line("\($merge).threshold"; .[$merge].threshold))
