# validation.jq: what probabilities are worth, as charts: each of a list of series, {label, class, scores, curves}, of which the
# last two are score's; lesions by their sizes; the rules that calibrate has tried.
include "charts";
include "page";

def interval($scores; $key; $digits): $scores | if .[$key] == null then "no value" else
  "\(.[$key] | fixed($digits)) (\(.["\($key)_low"] | fixed($digits)) – \(.["\($key)_high"] | fixed($digits)))" end;
# Evenly chosen points, the first and the last among them
def sampled($most): length as $n
  | if $n <= $most then . else [.[range($most) * ($n - 1) / ($most - 1) | floor]] end;
def panel($title; $small; $chart; $legend): "<div><h3>\($title | @html) <small>\($small | @html)</small></h3>\($chart)\($legend)</div>";
def shares: [range(6) / 5];
def square($x; $y): {width: 520, height: 400, x: ({high: 1, ticks: shares} + $x), y: ({high: 1, ticks: shares} + $y)};
# A chart's name for those who cannot see it says what its legend says.
def drawn($chart; $title; $legend; $body): $chart | svg("\($title): \($legend | map(.text) | join("; "))"; $body);
def diagonal($chart; $name): [[0, 0], [1, 1]] | curve($chart; "reference"; $name);

def roc($series): square({label: "false positive rate"}; {label: "true positive rate"}) as $chart
  | ($series | map({class, text: "\(.label): area \(interval(.scores; "roc_area"; 3)), average precision \(
      interval(.scores; "average_precision"; 3))"})) as $legend
  | panel("ROC of images"; "ranked by the largest probability of each";
      drawn($chart; "ROC of images"; $legend; diagonal($chart; "no better than chance")
        + ($series | map(. as $one | .curves.roc | select(. != []) | sampled(300) | curve($chart; "curve \($one.class)"; $one.label)) | add // ""));
      $legend | legend);

def most_false: 8; # detections an image
# The part of a curve up to that, the last piece cut
def cut: . as $points | (map(.[0] <= most_false) | index(false)) as $over
  | if $over == null then . else $points[$over - 1] as $a | $points[$over] as $b
      | .[:$over] + [[most_false, $a[1] + ($b[1] - $a[1]) * (most_false - $a[0]) / ($b[0] - $a[0])]] end;
def froc($series): [$series[] | .curves.froc |= cut] as $series
  | ([$series[].curves.froc[-1][0] | select(.)] | max // 1 | if . > 0 then . else 1 end) as $high
  | square({high: $high, ticks: ticks($high; 5), label: "false detections an image"}; {label: "lesions found, share"}) as $chart
  | ($series | map({class, text: "\(.label): \(interval(.scores; "froc"; 3))"})) as $legend
  | panel("FROC"; "mean share of lesions found at 1/4, 1/2, 1, 2, 4 and 8 false detections an image";
      drawn($chart; "Free-response ROC"; $legend;
        $series | map(. as $one | .curves.froc | select(. != []) | sampled(300) | curve($chart; "curve \($one.class)"; $one.label)
          + (last | dot($chart; "dot \($one.class)"; 4; "\($one.label), all detections: \(.[1] | fixed(3)) of the lesions with \(
              .[0] | fixed(2)) false ones an image"))) | add // "");
      $legend | legend);

# Bars below the axis: how many pixels the first series has in each bin, logarithmic.
def bars($chart; $bins): ($bins | length) as $n | ([$bins[].pixels + 1 | log10] | max) as $high | at_y($chart; 0) as $base
  | [range($n) as $i | select($bins[$i].pixels > 0) | ($bins[$i].pixels + 1 | log10 / $high * ($chart.strip - 8) | rounded(1)) as $size
      | at_x($chart; $i / $n) as $x
      | "<rect class=\"bin\" x=\"\($x + 2)\" y=\"\($base + $chart.strip - $size | rounded(1))\" width=\"\(
          at_x($chart; ($i + 1) / $n) - $x - 4 | rounded(1))\" height=\"\($size)\"><title>\($i / $n) to \(($i + 1) / $n): \(
          $bins[$i].pixels | grouped) pixels</title></rect>"] | add // "";
def reliability($series):
  (square({label: "probability, mean of a bin"}; {label: "truly lesion, share of its pixels"}) + {height: 440, strip: 40}) as $chart
  | ($series | map({class, text: "\(.label): Brier score \(interval(.scores; "brier"; 4)), calibration error \(
      interval(.scores; "calibration_error"; 4))"})) as $legend
  | panel("Reliability"; "on the diagonal a probability is what it says; below the axis: pixels, logarithmic";
      drawn($chart; "Reliability of probabilities"; $legend; diagonal($chart; "perfectly calibrated") + bars($chart; $series[0].curves.reliability)
        + ($series | map(. as $one | [.curves.reliability[] | select(.pixels > 0)]
          | (map([.probability, .lesion]) | curve($chart; "curve \($one.class)"; $one.label))
            + (map(. as $bin | [.probability, .lesion] | dot($chart; "dot \($one.class)"; 3; "\($one.label), probability \(
                $bin.probability | fixed(3)): \($bin.lesion | fixed(3)) of \($bin.pixels | grouped) pixels are lesion")) | add // "")) | add // ""));
      $legend | legend);

# ---- lesions, [{share (of the image), dice}]
def median: sort | (length / 2 | floor) as $half | if length % 2 == 1 then .[$half] else (.[$half - 1] + .[$half]) / 2 end;
def fifths: sort_by(.share) | length as $n | ([5, $n] | min) as $parts
  | [range($parts) as $i | .[($i * $n / $parts | floor):(($i + 1) * $n / $parts | floor)]
      | {from: .[0].share, to: .[-1].share, share: (map(.share) | median), dice: (map(.dice) | median), lesions: length}];
def sizes($title; $small): . as $lesions | fifths as $fifths | ([.[].share * 100] | max * 1.05) as $high
  | square({high: $high, scale: "root", unit: " %", label: "lesion, area of the image (square-root scale)", ticks: root_ticks($high; 0.14)};
      {label: "Dice"}) as $chart
  | [{class: "spots", text: "a lesion (\($lesions | length | grouped))"},
     {class: "c1", text: ("median of each fifth: " + ($fifths | map(.dice | fixed(2)) | join(", ")))}] as $legend
  | panel($title; $small;
      drawn($chart; $title; $legend;
        "<path class=\"spots\" d=\"" + ($lesions | map("M\(at_x($chart; .share * 100)) \(at_y($chart; .dice))h0") | add) + "\"/>"
        + ($fifths | map([.share * 100, .dice]) | curve($chart; "curve c1"; "median of each fifth"))
        + ($fifths | map(. as $part | [.share * 100, .dice] | dot($chart; "dot c1"; 5; "\($part.lesions) lesions from \($part.from | percent) to \(
            $part.to | percent): median Dice \($part.dice | fixed(3))")) | add));
      $legend | legend);

# ---- rules, as calibrate reports them
def limit_name: if .rule | has("area") then "area" else "ratio" end;
def decision_text: "decide \(.decide), " + if has("area") then "area \(.area)" else "ratio \(.ratio)" end;
def rule_text: "\(decision_text), mask \(.mask)";
# The grid at the mask threshold of the rule: limits down, thresholds that decide across
def heat: limit_name as $limit | .rule as $rule | [.grid[] | select(.mask == $rule.mask)] as $cells
  | ([$cells[].decide] | unique) as $decide | ([$cells[][$limit]] | unique) as $limits
  | ([$cells[].dice] | min) as $low | ([$cells[].dice] | max) as $high
  | ($cells | map({("\(.decide) \(.[$limit])"): .dice}) | add) as $dice
  | "<div class=\"scroll\"><table class=\"heat\"><caption>Dice at mask \($rule.mask | @html), by \({area: "least area in pixels", ratio: "ratio"}[$limit]) (down) and “decide” (across)</caption><thead>"
    + heads([$limit] + ($decide | map("#\(.)"))) + "</thead><tbody>"
    + ($limits | map(. as $down | "<tr><th scope=\"row\">\($down | if . >= 1000 then grouped else tostring end)</th>" + ($decide | map(. as $across
        | $dice["\($across) \($down)"] as $one
        | "<td class=\"number\(if $across == $rule.decide and $down == $rule[$limit] then " chosen" else "" end)\" style=\"--at:\(
            if $high > $low then ($one - $low) / ($high - $low) else 0 end | rounded(2))\">\($one | fixed(3))</td>") | add) + "</tr>") | add)
    + "</tbody></table></div>";
def mask_rows: .grid | group_by(.mask) | map(max_by(.dice) | "<tr>" + (.mask | text_cell) + (decision_text | text_cell) + number(.dice | fixed(4)) + "</tr>");
