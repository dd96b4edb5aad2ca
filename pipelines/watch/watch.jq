# watch.jq: watch.sh's lines of folds -> a table: stage, fold, iterations, batch, state, the log's last line of steps, and its last one
# with a best score, separated by tabs. Where a log has no such line, or half of one, there is a dash.
def line: fromjson? // {} | if type == "object" then map_values(numbers) else {} end;
def digits($n): . * pow(10; $n) | round / pow(10; $n) | tostring;
def time_left: ceil | if . < 60 then "\(.) s" elif . < 3600 then "\(. / 60 | ceil) min" else "\(. / 360 | ceil / 10) h" end;

(["stage", "fold", "state", "iteration", "loss", "best Dice", "time left"]),
(inputs | split("\t")
  | (.[2:4] | map(tonumber)) as [$iterations, $batch]
  | .[4] as $state | (.[5] // "" | line) as $step | (.[6] // "" | line) as $best
  | [.[0], .[1], $state,
     ($step.iteration | if . then "\(.) of \($iterations)" else "-" end),
     ($step.loss | if . then digits(4) else "-" end),
     ($best.dice | if . then digits(4) else "-" end),
     if ($state | startswith("training")) and $step.iteration and ($step.images_per_second // 0) > 0
     then ($iterations - $step.iteration) * $batch / $step.images_per_second | time_left else "-" end])
| join("\t")
