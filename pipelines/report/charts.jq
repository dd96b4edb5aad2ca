# charts.jq: numbers as people read them, and charts as SVG.

def rounded($digits): pow(10; $digits) as $unit | . * $unit | round / $unit;
def grouped: (round | tostring) as $text
  | [range($text | length; 0; -3) | $text[([. - 3, 0] | max):.]] | reverse | join(",");
# With just so many digits behind the point
def fixed($digits):
  if . == null then "–" else
    pow(10; $digits) as $unit | (fabs * $unit | round) as $n
    | (if . < 0 then "−" else "" end) + ($n / $unit | floor | grouped)
      + if $digits == 0 then "" else "." + ("000000" + ($n % $unit | tostring))[-$digits:] end
  end;
def percent: . * 100 | fixed(if . >= 10 or . == 0 then 0 elif . >= 1 then 1 else 2 end) + " %";
def duration:
  if . == null then "–"
  elif . < 100 then fixed(1) + " s"
  elif . < 6000 then "\(. / 60 | floor) min \(. % 60) s"
  elif . < 172800 then "\(. / 3600 | floor) h \(. / 60 % 60 | floor) min"
  else "\(. / 86400 | floor) d \(. / 3600 % 24 | floor) h" end;

# Round steps over 0..$high, about $count of them
def ticks($high; $count):
  ($high / $count) as $raw | pow(10; $raw | log10 | floor) as $unit
  | (first((1, 2, 2.5, 5, 10) | select(. * $unit >= $raw * 0.999)) * $unit) as $step
  | [range(0; $high / $step + 1e-6) * $step | rounded(9)];
def tick_text: if . >= 1000 then grouped else tostring end;

# A chart: {width, height, top?, strip?, x, y}, the axes {high, label, ticks, scale?, unit?}. Both axes start at 0; `top` is the
# space above the plot, `strip` the space between the x axis and its figures.
def margin: {left: 58, right: 16, top: (.top // 28), bottom: (48 + (.strip // 0))};
def plot_width: .width - margin.left - margin.right;
def plot_height: .height - margin.top - margin.bottom;
# Areas are drawn by their square roots, so that small ones can be told apart.
def along($axis; $value): if $axis.scale == "root" then $value / $axis.high | sqrt else $value / $axis.high end;
def at_x($chart; $value): ($chart | margin.left) + along($chart.x; $value) * ($chart | plot_width) | rounded(1);
def at_y($chart; $value):
  $chart.height - ($chart | margin.bottom) - along($chart.y; $value) * ($chart | plot_height) | rounded(1);
# Round figures over 0..$high on such a scale, no two closer than a share of it
def root_ticks($high; $apart): reduce (0, 0.01, 0.1, 0.5, 1, 2, 5, 10, 20, 30, 50, 75, 100) as $tick ([];
  if $tick <= $high and (length == 0 or (($tick | sqrt) - (last | sqrt)) / ($high | sqrt) > $apart) then . + [$tick] else . end);

def axes:
  . as $chart | at_x(.; 0) as $left | at_x(.; .x.high) as $right | at_y(.; 0) as $base | ($base + (.strip // 0)) as $foot
  | (.y.ticks | map(at_y($chart; .) as $y
      | "<line class=\"grid\" x1=\"\($left)\" x2=\"\($right)\" y1=\"\($y)\" y2=\"\($y)\"/>"
        + "<text class=\"tick\" x=\"\($left - 8)\" y=\"\($y)\" dy=\".35em\" text-anchor=\"end\">"
        + "\(tick_text + ($chart.y.unit // ""))</text>") | add)
    + (.x.ticks | map(at_x($chart; .) as $x
      | "<line class=\"axis\" x1=\"\($x)\" x2=\"\($x)\" y1=\"\($foot)\" y2=\"\($foot + 5)\"/>"
        + "<text class=\"tick\" x=\"\($x)\" y=\"\($foot + 9)\" dy=\".8em\" text-anchor=\"middle\">\(tick_text + ($chart.x.unit // ""))</text>") | add)
    + "<line class=\"axis\" x1=\"\($left)\" x2=\"\($right)\" y1=\"\($base)\" y2=\"\($base)\"/>"
    + "<text class=\"name\" x=\"0\" y=\"14\">\(.y.label | @html)</text>"
    + "<text class=\"name\" x=\"\($right)\" y=\"\(.height - 3)\" text-anchor=\"end\">\(.x.label | @html)</text>";

def svg($title; $body):
  "<svg viewBox=\"0 0 \(.width) \(.height)\" role=\"img\" aria-label=\"\($title | @html)\">\(axes)\($body)</svg>";

# [[x, y]...] -> a line with its name
def curve($chart; $class; $name):
  map("\(at_x($chart; .[0])),\(at_y($chart; .[1]))") | join(" ")
  | "<polyline class=\"\($class)\" points=\"\(.)\"><title>\($name | @html)</title></polyline>";
def dot($chart; $class; $radius; $name):
  "<circle class=\"\($class)\" cx=\"\(at_x($chart; .[0]))\" cy=\"\(at_y($chart; .[1]))\" r=\"\($radius)\">"
  + "<title>\($name | @html)</title></circle>";
