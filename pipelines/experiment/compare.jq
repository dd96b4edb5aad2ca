# compare.jq: the scores of recipes, each with the same seeds -> a table with tabs.
#   jq --slurp --raw-output -f compare.jq; a line of input: {name, seed, score}, recipe by recipe
# Of each recipe the means over seeds; and of all but the first the mean differences to the first, of Dice over all images and
# of lesions, paired by seed, each with its 95 % interval by Student's t.

def pi: 3.141592653589793;

# probability: that Student's t of $df degrees of freedom lies between -t and t, where $angle is atan(t / sqrt($df)).
# Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
def probability($angle; $df):
  ($angle | cos) as $cos
  | ($df % 2 == 1) as $odd
  | (if $odd then {term: $cos, next: 3} else {term: 1, next: 2} end
     | .sum = .term
     | until(.next > $df - 2; .term *= (.next - 1) / .next * $cos * $cos | .sum += .term | .next += 2)
     | .sum) as $sum
  | if $df == 1 then 2 * $angle / pi
    elif $odd then 2 / pi * ($angle + ($angle | sin) * $sum)
    else ($angle | sin) * $sum end;

# t_quantile: the t between whose negative and which 95 % lie, by bisection of the angle.
def t_quantile($df):
  reduce range(50) as $i ({low: 0, high: (pi / 2)};
    ((.low + .high) / 2) as $middle
    | if probability($middle; $df) < 0.95 then .low = $middle else .high = $middle end)
  | (.low | sin) / (.low | cos) * ($df | sqrt);

def mean: add / length;
# interval: of a list of at least two numbers, the mean and half the width of its 95 % interval.
def interval:
  mean as $mean
  | (map((. - $mean) * (. - $mean)) | add / (length - 1) | sqrt) as $deviation
  | {mean: $mean, half: (t_quantile(length - 1) * $deviation / (length | sqrt))};

def rounded: . * 10000 | round | if . < 0 then "-" else "" end + (fabs | tostring | ("0000" + .)[-([4, length] | max):]
    | "\(.[:-4] | if . == "" then "0" else . end).\(.[-4:])");
# difference: of two lists of scores of the same seeds
def difference($other): [[., $other] | transpose[] | .[0] - .[1]] | interval
  | "\(.mean | rounded) (\(.mean - .half | rounded) to \(.mean + .half | rounded))";

[group_by(.name)[] | sort_by(.seed) | {name: .[0].name, seeds: map(.seed), dice: map(.score.dice),
    lesion: map(.score.dice_lesion), empty: map(.score.dice_empty)}] as $grouped
| reduce .[].name as $name ([]; if index([$name]) then . else . + [$name] end)
| map(. as $name | $grouped[] | select(.name == $name)) as $recipes
| $recipes[0] as $first
| if $recipes | map(.seeds) | unique | length != 1 then error("recipes with other seeds than the first") else . end
| ["recipe", "seeds", "Dice", "of lesions", "of empty", "Dice to the first", "of lesions to the first"],
  ($recipes[]
    | [.name, (.seeds | length), (.dice, .lesion, .empty | mean | rounded),
       (if .name != $first.name then (.dice | difference($first.dice)), (.lesion | difference($first.lesion)) else "", "" end)])
| @tsv
