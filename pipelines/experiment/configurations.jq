# configurations.jq: recipes -> a line {name, config} for each, what make takes as config.json; profile `experiment`.
#   jq -c --slurpfile config config.json --argjson each BOOLEAN -f configurations.jq recipes.json
# A recipe is a part with all parts before it: settings that are laid over config.json's, over those of `small`, which all
# recipes have. null takes a setting away. Recipes whose stages see other numbers of training images are refused.

def laid_over($settings): . * $settings | walk(if type == "object" then with_entries(select(.value != null)) else . end);
def images_seen: [to_entries[] | select(.key | startswith("train-")) | .value | .folds * .iterations * .batch] | add;

. as $recipes
| ($config[0] | del(.profiles) | laid_over($recipes.small)) as $small
| [foreach $recipes.parts[] as $part ($small; laid_over($part.settings); {name: $part.name, config: (. + {profiles: {experiment: {}}})})]
| if (map(.config | images_seen) | unique | length) == 1 then .
  else error("recipes see other numbers of training images: " + (map("\(.name) \(.config | images_seen)") | join(", "))) end
| if $each then .[] else first, last end
