# pkg_config.sh COMPILER PKG_CONFIG FOLDER_WITH_PC MAIN PROGRAM: builds and runs the consumer with pkg-config's flags.
set -euo pipefail
compiler=$1
pkg_config=$2
export PKG_CONFIG_PATH=$3
main=$4
program=$5
read -ra compile_flags <<<"$("$pkg_config" --cflags deblurgan)"
read -ra link_flags <<<"$("$pkg_config" --libs deblurgan)"
"$compiler" "${compile_flags[@]}" "$main" -o "$program" "${link_flags[@]}"
"$program"
