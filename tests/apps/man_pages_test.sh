# Each program has a man page that groff has nothing to say about, and every option of --help is in it.
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

pages=0
for page in "$DG_MAN"/*.1; do
  program=$(basename "$page" .1)
  groff -man -ww -z "$page" 2>warnings
  [[ ! -s warnings ]] || fail "$(head -n 3 warnings)"
  groff -man -Tascii -P-c "$page" | sed 's/.\x08//g' >text
  for section in NAME SYNOPSIS DESCRIPTION OPTIONS 'EXIT STATUS' 'SEE ALSO'; do
    grep -qx "$section" text || fail "$program(1) has no section $section"
  done
  while read -r option; do
    grep -qE -- "(^|[ ,])$option(,| |\$)" text || fail "$program(1) does not tell of $option"
  done < <("$(dirname "$DG_TRAIN")/$program" --help | sed -n 's/^  \(-[^ ]*\).*/\1/p' | tr ',' '\n' | sed 's/{.*//')
  pages=$((pages + 1))
done
((pages >= 7)) || fail "there are $pages man pages in $DG_MAN"
