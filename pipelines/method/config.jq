# config.jq: config.json, a profile and overrides -> one checked configuration; and then a line for each question that only
# other programs can answer, words with tabs between: `side SETTING NETWORK SIDE`, `unused STAGES`, `data FOLDER`, `init FILE`.
#   jq -n -r -c --stream -L pipelines/method --argjson options OPTIONS
#       'include "config"; document | checked($options; PROFILE; DATA; $ARGS.positional) | ., questions'
#       config.json --args [init=FILE] STAGE.KEY=VALUE...
# What `schema` does not know is an error that names it. DATA, where it is not empty, stands for all paths of the
# configuration's data, and for X-rays that the profile would make up. `init` is that of every stage that has no other, and does not
# begin with another stage. A stage that is `like` an earlier one has all settings of that one which it does not name itself.
# OPTIONS is what each program says with --options, by name: a setting that becomes a program's option has its range.
include "stages";

# What `inputs` are pieces of: of a name that is there twice jq alone would take the last.
def document:
  [inputs] as $pieces
  | ([$pieces[] | select(length == 2) | .[0]] | group_by(.) | map(select(length > 1))[0][0]) as $twice
  | if $twice then error("\($twice | map(tostring) | join(".")) is there twice") else . end
  | [fromstream($pieces[])] | if length == 1 then .[0] else error("one object is wanted") end;

# Sides that a network takes it knows itself; data that is not made up is looked for where it is not named; weights are found.
def questions:
  (training[] as $stage | ["side", $stage + ".side", (.[$stage] | .network, .side)]),
    (testing[] as $stage | select(.[$stage].scales) | sides($stage)[] as $side
      | ["side", $stage + ".scales", .[$stage | trainer].network, $side]),
    ((training - needed_training) + (merges - needed_merges) | select(. != []) | ["unused", join(", ")]),
    (select((has("synth") | not) and .data.train == []) | ["data", .data.folder]),
    ([training[] as $stage | select(beginning($stage) == null) | .[$stage].init | select(. != "")] | unique[] | ["init", .])
  | map(tostring) | join("\t");

# All that follows: a configuration -> the same, of one profile, checked
def checked($options; $profile; $folder; $given):

# What a setting is: an option of the same name of a program {of}, perhaps with one value more {also}, only multiples
# {step}, or not necessary {optional}; or of a kind of its own.
def of($program): {of: $program};
def may($program): of($program) + {optional: true};
def named($names; $kind): $names | map({(.): $kind}) | add;
def train: {
  init: "path", folds: "count", images: "images", side: {of: "augment", step: 32}, dilate: {of: "augment", also: 0},
  "whole-batches": "flag", seed: of("train-fold"), like: {type: "stage", optional: true}
} + named(trained; of("train-fold")) + named(learning($options); may("train-fold")) + named(augmented; may("augment"))
  + {ranks: may("train-fold"), average: {choices: ["weights", "maps"], optional: true}};
# The blocks of config.json: two of their own names, and stages, by what their names begin with.
def blocks: {
  data: {
    folder: "path", train: "paths", labels: "path", masks: "path", test: "paths", ids: "path", truth: "path",
    size: "size", "on-error": of("decode")
  },
  synth: named(["train", "test", "lesions", "area", "contrast", "side", "format", "seed"]; of("synth"))
};
def stages: {
  "train-": train,
  "test-": {
    batch: of("predict-fold"), flip: of("predict-fold"), scales: {type: "numbers", optional: true}, precision: of("predict-fold")
  },
  "merge-": { stages: "stages", threshold: of("classify") },
  submission: { decide: "stage", segment: "stage", ratio: may("classify"), rule: {choices: ["validation"], optional: true} }
};
# Made once, for all that is defined and done below.
blocks as $blocks | stages as $stages |

def schema($block): $blocks[$block]
  // ([$stages | to_entries[] | .key as $prefix | select($block | startswith($prefix)) | .value][0]);

def images: ["lesion", "half", "all"];
# The option that a setting becomes, with the setting's own rules.
def option($key): . as $kind | if .of then $options[.of][$key] else {type: "choice"} end + $kind;
def optional: type == "object" and .optional == true;
def wanted($kind; $key):
  if $kind | type == "object" then $kind | option($key)
    | (if .also != null then "\(.also), or " else "" end)
      + (if .type == "flag" then "true or false" elif .type == "choice" then .choices | join(" or ")
         elif .type == "numbers" then "a list of numbers above 0"
         elif .type == "stage" then "a stage's name"
         else (if .step then "a multiple of \(.step)" elif .type == "integer" then "a whole number" else "a number" end)
           + " from \(.minimum) to \(.maximum)" end)
  else { count: "a whole number from 1 up", flag: "true or false", path: "a path", paths: "a path or a list of paths",
         size: "HEIGHTxWIDTH", stage: "a stage's name", stages: "a list of stages' names",
         images: (images | join(" or ")) }[$kind] end;
def whole: type == "number" and . == floor;
def fits($kind; $key):
  if $kind | type == "object" then . as $value | $kind | option($key)
    | (.also != null and $value == .also)
      or if .type == "flag" then $value | type == "boolean" elif .type == "choice" then any(.choices[]; . == $value)
         elif .type == "numbers" then $value | type == "array" and length > 0 and all(.[]; type == "number" and . > 0)
         elif .type == "stage" then $value | type == "string"
         else ($value | type == "number") and (.type == "number" or ($value | whole))
           and $value >= .minimum and $value <= .maximum and (.step == null or $value % .step == 0) end
  elif $kind == "count" then whole and . >= 1 and . <= 1e9
  elif $kind == "flag" then type == "boolean"
  elif $kind == "images" then . as $value | any(images[]; . == $value)
  elif $kind == "stage" then type == "string"
  elif $kind == "stages" then type == "array" and length > 0 and all(.[]; type == "string")
  elif $kind == "size" then type == "string" and test("^([1-9][0-9]{0,4}x[1-9][0-9]{0,4})?$")
  elif $kind == "path" then type == "string" and (test("[\\x00-\\x1f]") | not)
  else fits("path"; $key) or (type == "array" and length > 0 and all(.[]; fits("path"; $key) and . != "")) end;

def object($where): if type == "object" then . else error("\($where): not an object") end;
def known($names; $where):
  (keys_unsorted - $names)[0] as $stray
  | if $stray then error("\($where)unknown key '\($stray)'; known are \($names | join(", "))") else . end;
# Names become make's targets, folders and words of the shell.
def name: "^((train|test|merge)-[A-Za-z0-9]|submission[0-9]|submission-[A-Za-z0-9])[A-Za-z0-9_-]{0,39}\\z";
def check_names: (keys_unsorted | map(select(schema(.) == null))[0]) as $stray
  | (keys_unsorted | map(select(in($blocks) or test(name) | not))[0]) as $odd
  | if $stray then error("unknown key \($stray | tojson); known are \($blocks | keys | join(", ")), "
      + "train-NAME, test-NAME, merge-NAME, submissionN and profiles")
    elif $odd then error("\($odd | tojson): a stage is train-NAME, test-NAME or merge-NAME, a submission submissionN or "
      + "submission-NAME; names have up to 40 letters, digits, '-' and '_'")
    else . end;
def check_blocks($where):
  object($where + "it") | . as $all | reduce keys_unsorted[] as $stage (.;
    schema($stage) as $schema
    | $all[$stage] | object($where + $stage) | known($schema | keys; "\($where)\($stage): ")
    | to_entries[] | . as $item | $schema[.key] as $kind
    | if .value == null or (.value | fits($kind; $item.key)) then $all
      else error("\($where)\($stage).\(.key): \($item.value | tojson) is not \(wanted($kind; $item.key))") end)
  | $all;

# What a text of the command line means for a setting: texts are texts, all else is JSON where it can be
def meant($kind):
  if ($kind | IN("path", "size", "stage")) or ($kind == "paths" and (startswith("[") | not)) then .
  elif $kind == "stages" and (startswith("[") | not) then split(",")
  elif ($kind | type == "object" and .type == "numbers") and (startswith("[") | not) then split(",") | map(tonumber? // .)
  else . as $text | try fromjson catch $text end;
def override($text):
  if $text | startswith("init=") then . as $config
    | reduce (training[] | select(. as $stage | $config | beginning($stage) | not)) as $stage (.; .[$stage].init = $text[5:])
  else
    ($text | index("=")) as $at
    | ($text[:$at] | index(".")) as $dot
    | {stage: $text[:$dot], key: $text[$dot + 1:$at], value: $text[$at + 1:]} as $o
    | (if has($o.stage) or ($o.stage | in($blocks)) then schema($o.stage)[$o.key] else null end) as $kind
    | if $kind == null then error("unknown setting '\($o.stage).\($o.key)'") else . end
    | .[$o.stage][$o.key] = ($o.value | meant($kind))
  end;

# A stage's settings are those of the stage that it is like, but for its own.
def inherit: reduce training[] as $stage (.; . as $config | .[$stage].like as $like
  | if $like == null then .
    elif (training | index($like) // 1e9) >= (training | index($stage)) then error("\($stage).like: \($like | tojson) is no earlier stage")
    else .[$stage] = ($config[$like] + .[$stage] | del(.like)) end);
# A setting that block $stage has not, or null
def lacks($stage; $block): schema($stage) | with_entries(select(.value | optional | not)) | keys - ($block | keys) | .[0];

# What is wrong with the stages' names for each other, a text each
def no_stage($where; $names): "\($where): no stage \(tojson); there are \($names | join(", "))";
def complaints: . as $config
  | (training[] as $stage | beginning($stage) | select(.) | . as $first
      | if $config | (training | index($first)) >= (training | index($stage)) then "\($stage).init: \($first) is no earlier stage"
        elif ($config | .[$first] | full_network) != ($config | .[$stage] | full_network) then "\($stage).init: \($first) has another network"
        elif $config[$first].folds != $config[$stage].folds then "\($stage).init: \($first) has another number of folds"
        elif $config[$first] | networks > 1 then "\($stage).init: the models of \($first) are several networks each (average), and a fold begins with one"
        else empty end),
    ((training - [training[] as $stage | beginning($stage)])[] | . as $stage | "test-" + .[6:] | select(in($config) | not)
      | "\(.) is missing: how the models of \($stage) predict"),
    (training[] | select($config[.] | has("balance") and .images != "all")
      | "\(.): balance is of images: \"all\"; half has one of 0.5, lesion of 1"),
    (training[] | select($config[.] | has("balance-end") and (has("balance") | not)) | "\(.): balance-end without balance"),
    (training[] | select($config[.] | has("average") and (."keep-best" // 1) < 2)
      | "\(.): average is of several checkpoints: keep-best says of how many, from 2 up"),
    (training[] | $config[.] as $stage | select(($stage.ranks // 1) > $stage.accumulate)
      | "\(.).ranks: \($stage.ranks) is more than the batches of a step (accumulate), \($stage.accumulate)"),
    (testing[] | trainer as $stage | select($config | has($stage) | not)
      | "\(.): there is no \($stage), whose models would predict"),
    (testing[] | select(. as $stage | $config | has($stage | trainer) and (sides($stage) | unique != sort))
      | "\(.).scales: two of them make the same side"),
    (if submissions == [] then "no submission is named: a block submission1 says of which merges it is made" else empty end),
    (merges[] | . as $merge | $config[.].stages
      | (.[] | select(IN($config | testing[]) | not) | no_stage("\($merge).stages"; $config | testing)),
        (group_by(.)[] | select(length > 1) | "\($merge).stages: \(.[0]) is named twice")),
    (submissions[] | . as $submission | $config[.] | keys - (keys - ["ratio", "rule"])
      | if . == [] then "\($submission).ratio is missing; or a rule: \"validation\""
        elif length > 1 then "\($submission): ratio and rule are both there: one of them, please (null takes one away)" else empty end),
    (submissions[] | . as $submission | ("decide", "segment") | . as $key | $config[$submission][.]
      | select(IN($config | merges[]) | not) | no_stage("\($submission).\($key)"; $config | merges)),
    ([submissions[] | . as $submission | {submission: ., product: ($config | decisions($submission))}] | group_by(.product)[]
      | select(length > 1)
      | "\(map(.submission) | join(" and ")): the decisions of both would be \(.[0].product).mpk: other names, please"),
    (submissions[] | . as $submission | select($config | ruled($submission)) | ($config | masks($submission))
      | select(IN($config | merges[])) | "\($submission): its masks would be \(.).csv, as those of \(.): other names, please"),
    (submissions[] | select($config[.].rule) | select(IN($config | calibrated[]) | not)
      | "\(.).rule: the stages of \($config[.].decide) have different numbers of folds, so that no rule can be learned with them");
def check_stages: [complaints][0] as $complaint | if $complaint then error($complaint) else . end;

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

object("it")
| (.profiles // {} | object("profiles")) as $profiles
| del(.profiles) | check_names | check_blocks("")
| if $profiles | has($profile) then . else error("no profile '\($profile)'; there are \($profiles | keys | join(", "))") end
| keys_unsorted as $names
| reduce ($profiles | keys[]) as $name (.; # one may have blocks of its own, and take others away (null)
    ($profiles[$name] | object("profiles.\($name)") | check_names | with_entries(select(.value != null)) | check_blocks("profiles.\($name).")
     | first((to_entries[] | select(.key | IN($names[], "synth") | not) | select(.value | has("like") | not)
         | lacks(.key; .value) as $missing | select($missing)
         | error("profiles.\($name).\(.key).\($missing) is missing: no block has this name but here")), null)) as $checked | .)
| . * $profiles[$profile] | with_entries(select(.value != null))
| .data = paths + .data
| if $folder == "" then . else .data += paths + {folder: $folder} end
| reduce ($given | sort_by(startswith("init=") | not)[]) as $text (.; override($text))
| if $folder == "" then . else del(.synth) end
| inherit
| map_values(if type == "object" then with_entries(select(.value != null)) else . end) # null: not set
| check_blocks("")
| .data |= (.train |= list | .test |= list | check_data
    | map_values(if type == "array" then map(path) else path end))
| . as $config
| reduce (keys_unsorted - ["synth"])[] as $stage (.;
    lacks($stage; $config[$stage]) as $missing
    | if $missing then error("\($stage).\($missing) is missing") else . end)
| check_stages
| {notes: {data: "", init: "", missing: []}} + .;
