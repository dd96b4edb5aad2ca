# settle.jq: the checked configuration, and what config.sh has found beside it -> config.json (as it stands), config.mk
# (options.jq), and what each stage depends on, a text each: its name, its settings, paths that it reads, with US between.
# NULs are between all of these.
#   jq -j -L pipelines/method --arg profile NAME --arg work WORK --argjson found FOUND --argjson taken N -f pipelines/method/settle.jq
#       --args [WANTED TAKEN]... [MISSING]...
# FOUND is what layout.sh says, null where it knows no layout; N words name weights that are wanted, and those that are taken.
include "options";

def find_data:
  . as $config
  | ($found // (.data.folder | {train: ["\(.)/train"], labels: "\(.)/train-rle.csv", test: ["\(.)/test"]})) as $found
  | .notes.data = ($found.said // "")
  | .data += ($found | del(.said)
      | if $config.data | .labels + .masks != "" then del(.labels, .masks) else . end
      | with_entries(select($config.data[.key] | length == 0))); # a path that is named is taken instead
def make_up_data:
  .data += ("\($work)/xrays" | {train: ["\(.)/train"], labels: "\(.)/train-rle.csv", masks: "", test: ["\(.)/test"],
    ids: "\(.)/sample_submission.csv", truth: "\(.)/test-truth.csv"});
def take_weights:
  reduce range(0; $taken; 2) as $i (.; $ARGS.positional[$i:$i + 2] as [$wanted, $instead]
    | .notes.init = "\($wanted) is absent, \($instead) is taken"
    | map_values(if type == "object" and .init == $wanted then .init = $instead else . end));

def dependencies:
  has("synth") as $made_up | del(.notes) | to_entries[] | .value as $own
  | if .key == "data" then
      [.key, ($own | del(.truth) | tojson)]
        + if $made_up then [] else [$own | .train, .labels, .masks, .test, .ids] | flatten | unique end,
      ["score", "", $own.truth]
    else [.key, ($own | tojson), $own.init? // ""],
      (select(.key | startswith("merge-")) | [.key + ".stages", ($own.stages | tojson)]) end # where a rule has the threshold
  | map(. // "") | join("\u001f");

if has("synth") then make_up_data else find_data end
| take_weights
| .notes.missing = $ARGS.positional[$taken:]
| ({profile: $profile} + .), "\u0000", ([make_variables] | join("\n")), (dependencies | "\u0000", .)
