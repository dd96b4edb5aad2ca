# figures.jq: what gather.jq takes from the stages' files: logs of folds, GNU parallel's job logs, CSV rows, areas;
# which cases are worth a picture; and the answer "no lesion anywhere".

# A text's lines
def lines: split("\n") | (if .[-1:] == [""] then .[:-1] else . end)[];
# Lines of a CSV as rows; a quoted id may hold line ends.
def csv_rows(lines):
  foreach lines as $line ({text: ""};
    (.text + $line) as $text
    | if (" " + $text | split("\"") | length) % 2 == 0 then {text: ($text + "\n")} else {text: "", row: $text} end;
    .row // empty);
# An id may hold commas: it is all but the $after last fields.
def csv_split($after):
  split(",") | (length - $after) as $n
  | {id: (.[:$n] | join(",") | if startswith("\"") then .[1:-1] | split("\"\"") | join("\"") else . end),
     fields: .[$n:]};

# score's CSV of images, a text -> [{id, dice, truth, prediction}]
def cases: [csv_rows(lines) | csv_split(4)] | .[1:]
  | map({id, dice: (.fields[0] | tonumber), truth: (.fields[1] | tonumber), prediction: (.fields[2] | tonumber)});

# The same -> those with a lesion: its share of the image, by the images' numbers of pixels, and the Dice
def lesions($pixels): map(select(.truth > 0) | {share: (.truth / $pixels[.id]), dice});

# The rows of a submission, a text, whose ids are keys of $chosen, below its first line.
def rows_of($chosen): foreach csv_rows(lines) as $row (-1; . + 1;
  if . == 0 or ($row | csv_split(1).id | in($chosen)) then $row else empty end);

# A submission's lines on stdin -> the same with no lesion anywhere
def emptied: foreach csv_rows(inputs) as $row (-1; . + 1; if . == 0 then $row else ($row | split(",")[:-1] + ["-1"] | join(",")) end);

# classify's decisions, inspected, of submissions for which the same merge decides, [{submission, file, images}] ->
# [{id, area, keep: [of each submission]}], largest area first
def areas:
  . as $all | .[0] as $first | ($first.images | map(.id)) as $ids
  | (map(select((.images | map(.id)) != $ids))[0]) as $odd
  | if $odd then error("\($first.file) and \($odd.file) are of other images") else . end
  | [range($ids | length) as $i | $first.images[$i] | {id, area, keep: [$all[].images[$i].keep == 1]}]
  | sort_by(-.area);
# The same of all submissions -> [{merge, rule, submissions: [names], areas}], in the submissions' order. Areas are those above a
# threshold, which is the merge's, or its own where a submission has a rule (in words, or null).
def rankings:
  . as $all | reduce (.[] | {merge, rule}) as $pair ([]; if index([$pair]) then . else . + [$pair] end)
  | map(. as $pair | $all | map(select({merge, rule} == $pair)) | $pair + {submissions: map(.submission), areas: areas});

# At most $most points, each the mean of its neighbours.
def thin($most):
  length as $n
  | if $n <= $most then .
    else [range($most) as $i | .[($i * $n / $most | floor):(($i + 1) * $n / $most | floor)]
      | [(map(.[0]) | add / length), (map(.[1]) | add / length)]] end;

# train-fold's log, [its lines] -> its curves. The time is that of the steps, from the rates that the log has.
def fold_log($fold; $batch):
  . as $lines
  | [$lines[] | select(.loss != null)] as $steps
  | [$lines[] | select(.dice != null)] as $scores
  | {fold: $fold, loss: ($steps | map([.iteration, .loss]) | thin(240)),
     scores: ($scores | map({iteration, dice, accuracy})),
     best: ([$scores[] | select(.best)] | last), memory: ($lines | map(.memory_mib // 0) | max),
     seconds: ([range($steps | length) as $i | ($steps[$i].iteration - if $i > 0 then $steps[$i - 1].iteration else 0 end)
       * $batch / ([$steps[$i].images_per_second, 1e-9] | max)] | add)};

# GNU parallel's job log, its lines -> [{fold, start, seconds}]
def jobs(lines): [lines | split("\t") | select(.[0] | test("^[0-9]+$"))
  | {start: (.[2] | tonumber), seconds: (.[3] | tonumber), command: (.[8:] | join("\t"))}
  | .fold = ((.command | capture("^\\S+ (?<k>[0-9]+)/").k | tonumber)? // null) | del(.command)];

# An index of shards, inspected -> how many samples, how many with a lesion (null: unlabelled), and each image's number of pixels
def samples: map(select(has("id")))
  | {images: length, lesion: (map(.lesion | values) | if . == [] then null else map(select(. > 0)) | length end),
     pixels: (reduce .[] as $sample ({}; .[$sample.id] = $sample.size[0] * $sample.size[1]))};

# overlay names pictures by id, and refuses what cannot be a file's name.
def has_picture: .id | (startswith(".") or utf8bytelength > 240) | not;
def group($title; $note; $cases): {title: $title, note: $note, cases: $cases};

# [{dice, truth, prediction...}] -> groups of up to five, no case in two of them
def groups_by_truth:
  map(select(has_picture)) as $all
  | ($all | map(select(.truth > 0)) | sort_by(-.dice, .truth)) as $lesions
  | ($lesions | length) as $n
  | ([5, ($n + 2) / 3 | floor] | min) as $k
  | ([$k, $n - $k] | min) as $w
  | $lesions[$k:$n - $w] as $rest
  | ([$k, ($rest | length)] | min) as $m
  | ((($rest | length) - $m) / 2 | floor) as $from
  | [group("Best"; "lesions with the highest Dice"; $lesions[:$k]),
     group("Median"; "lesions in the middle of the order"; $rest[$from:$from + $m]),
     group("Worst"; "lesions with the lowest Dice, the largest first"; $lesions[$n - $w:] | reverse),
     group("False alarms"; "images without a lesion where one was outlined, the largest first";
       $all | map(select(.truth == 0 and .prediction > 0)) | sort_by(-.prediction) | .[:5])];

# [{id, area, keep}], largest first -> the same without truth
def groups_by_area:
  map(select(has_picture)) | map(select(.keep[0])) as $kept | map(select(.keep[0] | not)) as $left
  | [group("Largest"; "images with the largest area in the classification"; $kept[:5]),
     group("Near the cut"; "the last that are taken to show a lesion, and the first that are not";
       $kept[5:][-3:] + $left[:3]),
     group("Empty"; "images with the smallest area, taken to show none"; $left[3:][-5:])];
