# options.jq: the checked configuration -> make variables: STAGE.KEY for every setting, and for each stage the options
# of the programs it runs. Paths are quoted for the shell.

include "data";

# make halves backslashes before a '#', joins a line that ends in one with the next, and drops blanks in front.
def escaped: tostring | gsub("\\$"; "$$") | gsub("(?<b>\\\\*)#"; "\(.b)\(.b)\\#");
# The checked value is what counts, not the text of the command line.
def line($name; $value): "override \($name) := $(empty)\($value | escaped)$(empty)";

def augment: [
  "--side", .side,
  flag(.images == "lesion"; "--lesion-only"), flag(.images == "half"; ["--balance", 0.5]),
  flag(.dilate > 0; ["--dilate", .dilate]), flag(."whole-batches"; ["--batch", .batch]),
  "--samples", .iterations * .batch ] | words;
# Validation masks are never dilated.
def validation: [ "--side", .side, flag(.images == "lesion"; "--lesion-only") ] | words;
def train: [
  "--network", .network, "--iterations", .iterations, "--batch", .batch, "--accumulate", .accumulate,
  "--rate", .rate, "--decay", .decay, "--margin", .margin, "--lambda-cls", ."lambda-cls", "--alpha", .alpha,
  "--dropout", .dropout, "--keep", .keep, "--eval-every", ."eval-every", "--precision", .precision ] | words;
def predict: [ "--batch", .batch, "--precision", .precision, flag(.flip; "--flip") ] | words;
def synth: [
  "--train", .train, "--test", .test, "--lesions", .lesions, "--area", .area, "--contrast", .contrast,
  "--side", .side, "--format", .format, "--seed", .seed ] | words;

(.notes | line("notes.data"; .data), line("notes.init"; .init), line("notes.missing"; .missing | join("; "))),
(del(.notes) | to_entries[] | .key as $stage | .value | to_entries[] | line("\($stage).\(.key)"; .value | quoted)),
(.data | line("data.decode-train"; decode_train), line("data.decode-test"; decode_test), line("data.survey"; survey)),
(to_entries[] | select(.key | startswith("train-"))
  | line("\(.key).members"; [range(.value.folds)] | words),
    line("\(.key).augment"; .value | augment),
    line("\(.key).validation"; .value | validation),
    line("\(.key).options"; .value | train)),
(to_entries[] | select(.key | startswith("test-")) | line("\(.key).options"; .value | predict)),
(select(.synth) | line("synth.options"; .synth | synth))
