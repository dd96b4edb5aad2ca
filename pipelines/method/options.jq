# options.jq: `make_variables`, of the checked configuration: STAGE.KEY for every setting, for each stage the options of the
# programs it runs, and lists of stages. Paths are quoted for the shell.

include "data";
include "stages";

# make halves backslashes before a '#', joins a line that ends in one with the next, and drops blanks in front.
def escaped: tostring | gsub("\\$"; "$$") | gsub("(?<b>\\\\*)#"; "\(.b)\(.b)\\#");
# The checked value is what counts, not the text of the command line.
def line($name; $value): "override \($name) := $(empty)\($value | escaped)$(empty)";

def augment: [
  "--side", .side,
  flag(.images == "lesion"; "--lesion-only"), flag(.images == "half"; ["--balance", 0.5]),
  flag(.dilate > 0; ["--dilate", .dilate]), flag(."whole-batches"; ["--batch", .batch]),
  "--samples", .iterations * .batch,
  (. as $stage | distorting[] | select(($stage[.] // 0) > 0) | ["--" + ., $stage[.]]),
  (. as $stage | sampling[] | select($stage[.] != null) | ["--" + ., $stage[.]]) ] | words;
# Validation masks are never dilated.
def validation: [ "--side", .side, flag(.images == "lesion"; "--lesion-only") ] | words;
# The order in which optional words stand in the file has no meaning.
def train: . as $stage | trained + (keys - trained - prepared - augmented) | map(["--" + ., $stage[.]]) | words;
def predict: [ "--batch", .batch, "--precision", .precision, flag(.flip; "--flip"),
  flag(.scales; ["--scales", (.scales // [] | map(tostring) | join(","))]) ] | words;
def synth: [
  "--train", .train, "--test", .test, "--lesions", .lesions, "--area", .area, "--contrast", .contrast,
  "--side", .side, "--format", .format, "--seed", .seed ] | words;

def make_variables:
  (.notes | line("notes.data"; .data), line("notes.init"; .init), line("notes.missing"; .missing | join("; "))),
  (line("TRAINING"; training | words), line("TESTING"; testing | words),
    line("VALIDATING"; testing | map(validator) | words), line("SUBMISSIONS"; submissions | words),
    line("SEGMENTING"; segmenting | words), line("MIXED"; mixed | words), line("NEEDED"; needed_training | words),
    line("CALIBRATED"; calibrated | words), line("NEEDED_VALIDATING"; needed_testing | map(validator) | words)),
  (del(.notes) | to_entries[] | .key as $stage | .value | to_entries[]
    | line("\($stage).\(.key)"; .value | if $stage | startswith("merge-") or startswith("submission") then [.] | words else quoted end)),
  (.data | line("data.decode-train"; decode_train), line("data.decode-test"; decode_test), line("data.survey"; survey)),
  (. as $config | training[] as $stage | .[$stage]
    | line("\($stage).members"; [range(.folds)] | words),
      line("\($stage).begins"; $config | beginning($stage) // ""),
      line("\($stage).augment"; augment),
      line("\($stage).validation"; validation),
      line("\($stage).options"; train)),
  (testing[] as $stage | .[$stage] | line("\($stage).options"; predict)),
  (needed_testing[] as $stage | line("\($stage | validator).merge"; first_merge($stage))),
  (select(.synth) | line("synth.options"; .synth | synth));
