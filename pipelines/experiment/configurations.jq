# configurations.jq: recipes -> a line {name, config} for each, what make takes as config.json; profile `experiment`.
#   jq -c --slurpfile config config.json --argjson each BOOLEAN -f configurations.jq recipes.json
# `small` is laid over config.json, and the settings of a part over that; null takes a setting away. A part that is made `of`
# earlier parts has the settings of each of them in turn, and then its own. Recipes whose stages see other numbers of training
# images are refused.

def laid_over($settings): . * $settings | walk(if type == "object" then with_entries(select(.value != null)) else . end);
def images_seen: [to_entries[] | select(.key | startswith("train-")) | .value | .folds * .iterations * .batch] | add;

# chained: {NAME: the list of settings of the part of that name}
def chained:
  reduce .[] as $part ({};
    . as $before
    | ($part.of // []) as $of
    | if $of - ($before | keys) != [] then error("\($part.name): made of \($of - ($before | keys) | join(", ")), which is no part before it")
      else .[$part.name] = ([$of[] | $before[.][]] + [$part.settings // {}]) end);

. as $recipes
| ($recipes.parts | chained) as $settings
| ($config[0] | del(.profiles) | laid_over($recipes.small)) as $small
| [$recipes.parts[] | .name as $name
    | {name: $name, config: (reduce $settings[$name][] as $own ($small; laid_over($own)) + {profiles: {experiment: {}}})}]
| if (map(.config | images_seen) | unique | length) == 1 then .
  else error("recipes see other numbers of training images: " + (map("\(.name) \(.config | images_seen)") | join(", "))) end
| if $each then .[] else first, last end
