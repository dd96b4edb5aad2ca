# stages.jq: which stages a configuration has, and what comes of which. What a stage does, its name begins with:
#   train-NAME   trains a model a fold                    test-NAME        predicts the test images with these; and
#                                                         validate-NAME, which has no block, the training images
#   merge-NAME   the mean of test stages' maps            submission...    a CSV file: a merge decides, one segments
# Names come in the order of config.json.

def named($prefix): keys_unsorted | map(select(startswith($prefix)));
def training: named("train-");
def testing: named("test-");
def merges: named("merge-");
def submissions: named("submission");

# What the submissions are made of: merges that decide or segment, test stages that these merge, and their training.
def members($names): map(select(IN($names[])));
def deciding: . as $config | merges | members([$config | .[submissions[]].decide]);
def segmenting: . as $config | merges | members([$config | .[submissions[]].segment]);
def needed_merges: . as $config | merges | members($config | deciding + segmenting);
def needed_testing: . as $config | testing | members([$config | .[needed_merges[]].stages[]]);
def mixed: . as $config | needed_merges | map(select($config[.].stages | length > 1));
def trainer: "train-" + .[5:];
def validator: "validate-" + .[5:];
# The sides at which a test stage's networks see an image: those of predict-fold --scales.
def sides($test): .[$test | trainer].side as $side | .[$test].scales // [1] | map(. * $side / 32 + 0.5 | floor * 32);
def first_merge($stage): [needed_merges[] as $merge | select(.[$merge].stages | index($stage)) | $merge][0];
# A training stage may begin with the models of another, fold by fold: its name in place of a file of weights
def beginning($stage): .[$stage].init as $init | training | map(select(. == $init)) | .[0];
def needed_training: . as $config
  | def and_beginnings: ., (. as $stage | $config | beginning($stage) | select(.) | and_beginnings);
  training | members([$config | needed_testing[] | trainer | and_beginnings]);

# submission1 -> "1"; the decisions for it are those of its merge, with this behind the name
def ending: .["submission" | length:];
def decisions($submission): .[$submission].decide + ($submission | ending);

# A submission has a ratio, or a rule that is learned from probabilities of images that the models have not seen: where the stages
# that decide have one number of folds. Its masks are its own then.
def ruled($submission): .[$submission].rule != null;
def with_rule: . as $config | submissions | map(select(. as $name | $config | ruled($name)));
def masks($submission): .[$submission].segment + if ruled($submission) then $submission | ending else "" end;
def calibrated: . as $config | submissions
  | map(select([$config[$config[.].decide].stages[] | $config[trainer].folds] | unique | length == 1));

# What is scored of images that the models have not seen, by the names of its files: submissions with a ratio; and probabilities, of
# merges of several stages, and of stages. A merge of one stage is that stage.
def unseen_submissions: submissions - with_rule | map("validation-" + .);
def unseen_probabilities: (mixed | map("validation-" + .)) + (needed_testing | map(validator));
# The same of one merge
def unseen($merge): .[$merge].stages | if length > 1 then "validation-" + $merge else .[0] | validator end;
# Of which of these the lesions' sizes are told, where its score is there, or else that of the next: the first submission as it would
# be; its masks without a decision
def sized: unseen_submissions + [.[submissions[0]].segment as $merge | unseen($merge)];
# The rule that is learned for a submission, and all of them
def rule($submission): .[$submission] | "rule-\(.decide[6:])+\(.segment[6:])";
def rules: . as $config | calibrated | map(. as $name | $config | rule($name)) | unique;

# How many networks a fold's model is, of a training stage's settings: several where the maps of the best checkpoints are averaged.
def networks: if .average == "maps" then ."keep-best" else 1 end;

# How often a test stage runs its networks on an image of one size
def passes($test): (if .[$test].flip then 2 else 1 end) * (.[$test | trainer] | networks);

# For `make help`
def help: . as $config | "", "profiles of config.json:", "  " + (.profiles // {} | keys_unsorted | join(" ")), "stages of config.json:", "  " + (training, testing | join(" ")),
  (submissions[] | . as $submission | "  \(.) of " + ([$config[.] | .decide, .segment
    | "\(.)\($submission | ending) (\($config[.].stages | join(" ")))"] | join(" and ")));

# What a training stage says: words for train-fold, options of the same names, in the order in which they are given; and numbers
# for the programs around it.
def trained: ["network", "iterations", "batch", "accumulate", "rate", "decay", "margin", "lambda-cls", "alpha", "dropout",
  "keep", "eval-every", "precision"];
def prepared: ["init", "folds", "images", "side", "dilate", "whole-batches", "seed"]; # and "like", which config.jq resolves
# The network as its checkpoints call it.
def full_network: .network + if .norm == "gn" then "-gn" else "" end;
# Options of augment that it may have: probabilities that are 0 where they are not named; the share of images with a lesion,
# and what it slides to. And every other option that changes what train-fold makes.
def distorting: ["tone", "shift-scale-rotate", "distort"];
def sampling: ["balance", "balance-end"];
def augmented: distorting + sampling;
def learning($options): [$options["train-fold"] | to_entries[] | select(.value.recorded and .value.type != "file") | .key]
  - trained - prepared;
