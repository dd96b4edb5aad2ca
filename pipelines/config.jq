# config.jq: config.json, a profile and overrides -> one checked configuration.
#   jq --arg profile NAME --arg folder DATA -f pipelines/config.jq config.json --args [init=FILE] STAGE.KEY=VALUE...
# What `schema` does not know is an error that names it. DATA, where it is not empty, stands for all paths of the
# configuration's data, and for X-rays that the profile would make up. `init` is that of every stage that has no other.

def train: {
  network: "network", init: "path", folds: "count", images: "images", side: "side", dilate: "natural",
  iterations: "count", batch: "count", "whole-batches": "flag", accumulate: "count", rate: "positive",
  decay: "number", margin: "number", "lambda-cls": "number", alpha: "share", dropout: "share", keep: "score",
  "eval-every": "count", precision: "precision", seed: "natural"
};
def test_stage: { batch: "count", flip: "flag", precision: "precision" };
def merging: { threshold: "share" };
def submission: { ratio: "share" };
def schema: {
  data: {
    folder: "path", train: "paths", labels: "path", masks: "path", test: "paths", ids: "path", truth: "path",
    size: "size", "on-error": "on-error"
  },
  synth: {
    train: "count", test: "count", lesions: "share", area: "share", contrast: "share", side: "count",
    format: "format", seed: "natural"
  },
  "train-seg-unet": train, "train-seg-bisenet": train, "train-cls-bisenet": train,
  "test-seg-unet": test_stage, "test-seg-bisenet": test_stage, "test-cls-bisenet": test_stage,
  "merge-cls": merging, "merge-seg": merging, submission1: submission, submission2: submission
};

def choices: {
  network: ["unet-resnet18", "bisenet-resnet18"], images: ["lesion", "half", "all"], score: ["dice", "wacc"],
  precision: ["f32", "bf16"], "on-error": ["fail", "skip"], format: ["dicom", "png"]
};
def wanted($kind): {
  count: "a whole number from 1 up", natural: "a whole number from 0 up", positive: "a number above 0",
  number: "a number from 0 up", share: "a number from 0 to 1", side: "a multiple of 32 up to 4096",
  flag: "true or false", path: "a path", paths: "a path or a list of paths", size: "HEIGHTxWIDTH"
}[$kind] // (choices[$kind] | join(" or "));
def whole: type == "number" and . == floor and . <= 1e9;
def fits($kind):
  if $kind == "count" then whole and . >= 1
  elif $kind == "natural" then whole and . >= 0
  elif $kind == "positive" then type == "number" and . > 0 and . < 1e9
  elif $kind == "number" then type == "number" and . >= 0 and . < 1e9
  elif $kind == "share" then type == "number" and . >= 0 and . <= 1
  elif $kind == "side" then whole and . >= 32 and . <= 4096 and . % 32 == 0
  elif $kind == "flag" then type == "boolean"
  elif $kind == "size" then type == "string" and test("^([1-9][0-9]{0,4}x[1-9][0-9]{0,4})?$")
  elif $kind == "path" then type == "string" and (test("[\\x00-\\x1f]") | not)
  elif $kind == "paths" then fits("path") or (type == "array" and length > 0 and all(.[]; fits("path") and . != ""))
  else . as $value | any(choices[$kind][]; . == $value) end;

def object($where): if type == "object" then . else error("\($where): not an object") end;
def known($names; $where):
  (keys_unsorted - $names)[0] as $stray
  | if $stray then error("\($where)unknown key '\($stray)'; known are \($names | join(", "))") else . end;
def check_blocks($where):
  object($where + "it") | . as $blocks | reduce keys_unsorted[] as $stage (.;
    $blocks[$stage] | object($where + $stage) | known(schema[$stage] | keys; "\($where)\($stage): ")
    | to_entries[] | . as $item | schema[$stage][.key] as $kind
    | if .value | fits($kind) then $blocks
      else error("\($where)\($stage).\(.key): \($item.value | tojson) is not \(wanted($kind))") end)
  | $blocks;
def block_names: schema | keys;

def trains: keys[] | select(startswith("train-"));
# What a text of the command line means for a setting: texts are texts, all else is JSON where it can be
def meant($kind):
  if ($kind | IN("path", "size")) or ($kind == "paths" and (startswith("[") | not)) then . else . as $text | try fromjson catch $text end;
def override($text):
  if $text | startswith("init=") then reduce trains as $stage (.; .[$stage].init = $text[5:])
  else
    ($text | index("=")) as $at
    | ($text[:$at] | index(".")) as $dot
    | {stage: $text[:$dot], key: $text[$dot + 1:$at], value: $text[$at + 1:]} as $o
    | schema[$o.stage][$o.key] as $kind
    | if $kind == null then error("unknown setting '\($o.stage).\($o.key)'") else . end
    | .[$o.stage][$o.key] = ($o.value | meant($kind))
  end;

# Paths that are not named are empty. With `train` all others are named, too; without it they are found in `folder`.
def paths: {folder: "", train: "", labels: "", masks: "", test: "", ids: "", truth: ""};
def list: if type == "array" then . elif . == "" then [] else [.] end;
# One that begins with '-' would be taken for an option.
def path: if startswith("-") then "./" + . else . end;
def check_data:
  if .labels != "" and .masks != "" then error("data: labels and masks are both named: one of them, please")
  elif .train == [] then .
  elif .test == [] then error("data.test is missing")
  elif .labels == "" and .masks == "" then error("data.labels or data.masks is missing") else . end;

object("it") | known(block_names + ["profiles"]; "")
| (.profiles // {} | object("profiles")) as $profiles
| del(.profiles) | check_blocks("")
| if $profiles | has($profile) then . else error("no profile '\($profile)'; there are \($profiles | keys | join(", "))") end
| reduce ($profiles | keys[]) as $name (.;
    ($profiles[$name] | object("profiles.\($name)") | known(block_names; "profiles.\($name): ")
     | check_blocks("profiles.\($name).")) as $checked | .)
| . * $profiles[$profile]
| .data = paths + .data
| if $folder == "" then . else .data += paths + {folder: $folder} end
| reduce ($ARGS.positional | sort_by(startswith("init=") | not)[]) as $text (.; override($text))
| if $folder == "" then . else del(.synth) end
| check_blocks("")
| .data |= (.train |= list | .test |= list | check_data
    | map_values(if type == "array" then map(path) else path end))
| . as $config
| (schema | del(.synth)) as $needed
| reduce ($needed | keys[]) as $stage (.; ($needed[$stage] | keys - ($config[$stage] // {} | keys))[0] as $missing
    | if $missing then error("\($stage).\($missing) is missing") else . end)
| reduce trains as $stage (.;
    if .[$stage].network == "unet-resnet18" and .[$stage].side < 192
    then error("\($stage).side: unet-resnet18 needs 192 at least") else . end)
