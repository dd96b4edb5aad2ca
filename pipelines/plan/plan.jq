# plan.jq: the configuration and what plan.sh measured -> what each stage takes, as a table or as JSON.
#   images: that go through the networks, or through the programs; of all folds together
#   flop: see `cost`; training takes three forward passes, evaluation and prediction one
#   disk: what stays, and the working files of the folds that run at a time
#   memory: bytes that all programs of the stage have at most at once
#   seconds: of a fold, times the number of rounds that its folds take

include "stages";

$config[0] as $config | $images[0] as $images | ($measured | add) as $measured

# An id's map, float16, packed by zstd(1): trained models' take from a third to four fifths of their size.
| 0.7 as $packed
| $images.pixels as $pixels

| def rounds($folds): $folds / $jobs | ceil;
def at_a_time($folds): [$folds, $jobs] | min;

# Seconds of an image, apart from the programs' start where there was time to run twice; of that start.
def image: if .times > 1 then (.last - .first) / (.times - 1) / .images else .first / .images end;
def start: [.first - .images * image, 0] | max;

# last.mpk is written beside the old one; and there are best.mpk and the checkpoints that are kept.
def working($c; $m): 2 * $m.resumable + (1 + if ($c."keep-best" // 1) > 1 then $c."keep-best" else 0 end) * $m.checkpoint;

# Checkpoints that stay of a fold: its model, which is one or several, and those that a mean of weights was made of.
def staying($c): ($c | networks) + if $c.average == "maps" then 0 else $c."keep-best" // 0 end;

# The test stage of a stage's models, or where no submission asks for that, of the stage that begins with it
def tester($stage): ("test-" + $stage[6:]) as $test | if $measured[$test] then $test
  else first($config | training[] as $next | select(beginning($next) == $stage) | $next) as $next | tester($next) end;
# Seconds of an image in evaluation: one network, one size, not mirrored
def evaluated($test; $predict): $measured[$test] | image * $predict / (.predict * ($config | passes($test)));
def train($stage): $config[$stage] as $c | $measured[$stage] as $m | tester($stage) as $test
  | ((if $c.images == "lesion" then $images.lesion else $images.train end) / $c.folds) as $val
  | ($c.iterations / $c."eval-every" | ceil) as $evaluations
  | ($evaluations * $val) as $checked
  | { stage: $stage,
      images: ($c.folds * $c.iterations * $c.batch),
      iterations: ($c.folds * $c.iterations),
      flop: ($c.folds * ($c.iterations * $c.batch * $m.train + $checked * $m.predict)),
      disk: ($c.folds * staying($c) * $m.checkpoint + at_a_time($c.folds) * (working($c; $m) + $val * $c.side * $c.side)),
      memory: $m.memory,
      seconds: (rounds($c.folds) * (([$m.one - $m.first, 0] | max) + $c.iterations * $m.step
        + $checked * evaluated($test; $m.predict))) };

# What the models of a test stage take for so many images each.
def maps($stage; $each): $config[$stage | trainer].folds as $folds | $measured[$stage] as $m
  | ($folds * $each) as $maps
  | { images: $maps,
      flop: ($maps * $m.predict * ($config | passes($stage))),
      disk: ($maps * (if $m.trained == 1 then $m.bytes / $m.images else $packed * 2 * $pixels end)),
      estimated: ($m.trained == 0),
      memory: $m.memory,
      seconds: (rounds($folds) * (($m | start) + $each * ($m | image))) };
def test($stage): {stage: $stage} + maps($stage; $images.test);
def validate($stage): {stage: ($stage | validator)} + maps($stage; $images.train / $config[$stage | trainer].folds);

def whole: {stage, images, iterations: (.iterations // 0), flop: (.flop // 0), disk: (.disk | round),
  estimated: (.estimated // false), memory, seconds};

# Masks that are made, and the merge that they are of: of each merge once, and of each submission that has a rule.
def segments: $config | (segmenting[] as $merge | select(any(submissions[]; . as $name | $config | masks($name) == $merge))
    | {masks: $merge, merge: $merge}),
  (with_rule[] as $name | {masks: masks($name), merge: .[$name].segment});

# Decisions and masks of one merge with a rule have one name, but for the ending.
def told_apart($ending): . as $name | ($config | any(submissions[]; . as $submission | $config | decisions($submission) == $name)) as $decided
  | if $decided and any(segments; .masks == $name) then $name + $ending else $name end;
def program($stage; $images; $m): { stage: $stage, images: $images, disk: ($images / $m.images * $m.bytes), memory: $m.memory,
  seconds: ($images / $m.images * $m.seconds) };

($images.train + $images.test) as $all
| [ (select($config.synth) | program("xrays"; $all; $measured.xrays)),
    program("data"; $all; $measured.data),
    train($config | needed_training[]),
    test($config | needed_testing[]),
    ($config | submissions[] as $name | program(decisions($name) | told_apart(".mpk"); $images.test; $measured["decide " + .[$name].decide])),
    (segments | program(.masks | told_apart(".csv"); $images.test; $measured["segment " + .merge])),
    (if $config | with_rule != [] then
       validate($config | needed_testing[]), program("calibrate"; $images.train; $measured.calibrate) else empty end),
    program("submissions"; ($config | submissions | length) * $images.test; $measured.submissions)
  | whole ] as $stages
| [validate($config | needed_testing[]) | whole] as $validation
| { profile: $profile, missing: $config.notes.missing, processors: $processors, jobs: $jobs, threads: $threads, load: $load, data: $images,
    machine: {memory: $machine, disk: $room}, made_up: $measured.xrays.images,
    maps: ($stages | map(select(.stage | startswith("test-"))) |
           {folds: (map(.images) | add / $images.test), bytes: (map(.disk) | add),
            float16: (map(.images) | add * 2 * $pixels)}), stages: $stages, validation: $validation,
    total: { iterations: ($stages | map(.iterations) | add), flop: ($stages | map(.flop) | add),
             disk: ($stages | map(.disk) | add), memory: ($stages | map(.memory) | max),
             seconds: ($stages | map(.seconds) | add), estimated: ($stages | any(.estimated)) } }

# ---- for people

| def digits: if . < 9.95 then . * 10 | round / 10 else round end | tostring;
def scaled($step; $units): {value: ., unit: 0}
  | until(.value < $step * 0.9995 or .unit == ($units | length) - 1; .value /= $step | .unit += 1)
  | "\(.value | digits) \($units[.unit])";
def bytes: . / 1024 | scaled(1024; ["KiB", "MiB", "GiB", "TiB"]);
def flop: if . == 0 then "" else . / 1e9 | scaled(1000; ["GFLOP", "TFLOP", "PFLOP", "EFLOP"]) end;
def time: if . < 99.5 then "\(digits) s" elif . < 5970 then "\(. / 60 | digits) min"
  elif . < 172800 then "\(. / 3600 | digits) hours" else "\(. / 86400 | digits) days" end;
def grouped: if . == null or . == 0 then "" else tostring | [while(length > 0; .[:-3]) | .[-3:]] | reverse | join(",") end;
def cells: [.stage, (.images | grouped), (.iterations | grouped), (.flop | flop),
  (if .estimated then "~" else "" end) + (.disk | bytes), (.memory | bytes), (.seconds | time)];
def padded($widths): [., $widths] | transpose | to_entries
  | map((.value[1] - (.value[0] | length)) as $blanks | .value[0] as $text
        | if .key == 0 then $text + " " * $blanks else " " * $blanks + $text end) | join("  ");
def table: [["stage", "images", "iterations", "arithmetic", "disk", "memory", "time"], (.stages[] | cells),
            (.total + {stage: "total"} | cells)]
  | (transpose | map(map(length) | max)) as $widths | map(padded($widths) | sub(" +$"; "")) | join("\n");

def counted($n; $what): "\($n) \($what)\(if $n == 1 then "" else "s" end)";
def listed: if length > 1 then (.[:-1] | join(", ")) + " and " + last else .[0] end;
def merging: $config
  | [(deciding[] | {name: ., m: $measured["decide " + .]}), (segmenting[] | {name: ., m: $measured["segment " + .]})]
  | group_by(.name) | map({name: .[0].name, memory: map(.m.memory) | max});
def notes:
  (.missing[] | "Work cannot begin yet. \(.)."),
  "X-rays (\(.data.from)): \(.data.train | grouped) to learn from, \(.data.lesion | grouped) of them with a lesion; \(.data.test | grouped) to predict.",
  "The maps of \(.maps.folds) folds: \(.maps.bytes | bytes) packed, \(.maps.float16 | bytes) in float16; "
    + "\(merging | map(.name) | listed) \(if merging | length > 1 then "stream" else "streams" end) them in \(merging | map(.memory | bytes) | listed).",
  (.machine as $here | [.stages[] | select(.memory > $here.memory) | .stage]
    | "This machine has \($here.memory | bytes) of memory"
      + if . == [] then "" else ": too little for \(listed)" end
      + "; where the work folder will be, \($here.disk | bytes) of disk are free."),
  (select(.total.disk > .machine.disk) | "The disk is too small for all of it."),
  "Speed and memory: measured just now on \(.made_up) made-up X-rays, \(counted(.jobs; "fold")) at a time, \(counted(.threads; "thread")) each, on \(counted(.processors; "processor")).",
  # Where a rule is learned the table has these stages.
  (select($config | with_rule == []) | "make validate: \(.validation | map(.images) | add | round | grouped) images more, in \(.validation | map(.seconds) | add | time); "
    + "their maps take \(.validation | map(.disk) | add | bytes)."),
  (select(.load > 0.5) | "Other programs were at work (load \(.load)): alone it may be faster."),
  (select(.total.estimated) | "~: no trained model is at hand; its maps are taken to pack to \($packed) of their size (0.35 to 0.8 were seen).");

if $format == "json" then . else table, "", notes end
