# options.jq: the checked configuration -> make variables: STAGE.KEY for every setting, and for each stage the options
# of the programs it runs.

def escaped: tostring | gsub("\\$"; "$$") | gsub("#"; "\\#");
def line($name; $value): "\($name) := \($value | escaped)";
def flag($given; $text): if $given then [$text] else [] end;
def words: flatten | map(tostring) | join(" ");

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

(to_entries[] | .key as $stage | .value | to_entries[] | line("\($stage).\(.key)"; .value)),
(to_entries[] | select(.key | startswith("train-"))
  | line("\(.key).members"; [range(.value.folds)] | words),
    line("\(.key).augment"; .value | augment),
    line("\(.key).validation"; .value | validation),
    line("\(.key).options"; .value | train)),
(to_entries[] | select(.key | startswith("test-")) | line("\(.key).options"; .value | predict)),
(select(.synth) | line("synth.options"; .synth | synth))
