# page.jq: pieces of the page. Whatever comes from files goes through @html.

def number($n): "<td class=\"number\">\($n | @html)</td>";
def text_cell: "<td>\(tostring | @html)</td>";
# A column whose name starts with '#' holds numbers.
def heads($names): "<tr>" + ($names | map(if startswith("#") then "<th class=\"number\">\(.[1:] | @html)</th>"
  else "<th>\(@html)</th>" end) | add) + "</tr>";
def table($heads; $rows):
  "<div class=\"scroll\"><table><thead>\(heads($heads))</thead><tbody>\($rows | add // "")</tbody></table></div>";
def section($name; $title; $intro; $body):
  "<section id=\"\($name | @html)\"><h2>\($title | @html)</h2>"
  + (if $intro == "" then "" else "<p class=\"intro\">\($intro | @html)</p>" end) + "\($body)</section>";
def legend: "<ul class=\"legend\">" + (map("<li><i class=\"\(.class)\"></i>\(.text | @html)</li>") | add // "") + "</ul>";
def note($text): "<p class=\"note\">\($text | @html)</p>";
