# Tab, as bash does it: the script of the build tree is sourced, and its function is asked what can follow the words.
. "$DG_COMPLETION/deblurgan.bash"

fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

# Outside of a completion there is nothing whose options could be set.
compopt() { :; }

# offered WORD...: completions of the last word, in the order of --help.
offered() {
  COMP_WORDS=("$@")
  COMP_CWORD=$(($# - 1))
  local binary=$DG_TRAIN
  if [[ $1 == deblurgan-deblur ]]; then binary=$DG_DEBLUR; fi
  _deblurgan "$binary" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
  printf '%s' "${COMPREPLY[*]}"
}

expect() {
  local expected=$1 got
  shift
  got=$(offered "$@")
  [[ $got == "$expected" ]] || fail "after '$*' came '$got', expected '$expected'"
}

mkdir pictures "two words"
touch photo.png pictures/a.png

# Names of options; old spellings only to those who begin them.
expect "--ext --exact" deblurgan-deblur --ex
expect '--weights' deblurgan-deblur photo.png --we
expect --batch-size deblurgan-train --batch
expect --batch_size deblurgan-train --batch_
expect '--flip --flip-vertical' deblurgan-train --fl
expect --no-flip deblurgan-train --no-f
expect '' deblurgan-train --there-is-none

# Values: sets, files, folders; behind a space or a sign.
expect 'png jpg bmp tga keep' deblurgan-deblur --ext ''
expect png deblurgan-deblur --ext p
expect 'png jpg bmp tga keep' deblurgan-deblur --ext '='
expect jpg deblurgan-deblur --ext = j
expect 'photo.png pictures' deblurgan-deblur --weights p
expect pictures deblurgan-deblur --sharp p
expect pictures deblurgan-train --val pictures p
expect '' deblurgan-deblur --threads p

# What no option takes: a picture, or for a program without positional arguments another option.
expect 'photo.png pictures' deblurgan-deblur --overwrite p
expect 'two words' deblurgan-deblur --ext png two
expect 'photo.png pictures' deblurgan-deblur --max-memory 2G p
[[ $(offered deblurgan-train '') == *--data*--preset*--device* ]] || fail "deblurgan-train offers no options"

# The real thing: every program has its completion.
for program in train deblur eval info draw convert blur; do
  complete -p "deblurgan-$program" | grep -q -- '-F _deblurgan' || fail "deblurgan-$program has no completion"
done

# A program that is not there offers nothing, and says nothing.
COMP_WORDS=(deblurgan-deblur --e)
COMP_CWORD=1
[[ -z $(_deblurgan ./deblurgan-none --e deblurgan-none 2>&1; printf '%s' "${COMPREPLY[*]}") ]] ||
  fail "a missing program has completions"

# zsh cannot be asked without a terminal; its script must at least be one.
if command -v zsh >/dev/null; then zsh -n "$DG_COMPLETION/_deblurgan"; fi
