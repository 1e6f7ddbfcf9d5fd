#!/usr/bin/env bash
# plantuml.sh: the C4 diagrams of docs/architecture by PlantUML (Maven Central), whose jar carries the C4 library and a layout of its own.
# Usage: plantuml.sh install | write | check      write renders each .puml beside it; check says which SVG is not current, exit 1 if one is not
# Env: CINEMA_TOOLS, the folder where it stays (default ~/.cache/cinemaabyss-tools); it is fetched once.
# Fonts differ between machines, and with them every coordinate: current means rendered from this source by this version, with the same words.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
tools="${CINEMA_TOOLS:-$HOME/.cache/cinemaabyss-tools}"
version=1.2026.8
home="$tools/plantuml-$version"
diagrams="$here/../../docs/architecture"
bad=0

install() {
  "$here/need.sh" java=default-jre-headless >&2
  if [ -f "$home/.complete" ]; then return; fi
  "$here/need.sh" mvn=maven >&2
  mkdir -p "$tools"; exec 9>"$tools/.plantuml.lock"; flock 9
  if [ ! -f "$home/.complete" ]; then
    echo "fetching PlantUML $version from Maven Central" >&2
    rm -rf "$home"; mkdir -p "$home"
    mvn -B -q org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy -Dartifact="net.sourceforge.plantuml:plantuml:$version" \
      -DoutputDirectory="$home" >"$home/mvn.log" 2>&1 || { cat "$home/mvn.log" >&2; exit 1; } # its colours would stand in the next line
    touch "$home/.complete"
  fi
  exec 9>&-
}

render() { # FOLDER: every diagram, as SVG
  java -Djava.awt.headless=true -jar "$home/plantuml-$version.jar" -tsvg -nometadata -failfast2 -charset UTF-8 -o "$1" "$diagrams"/*.puml
}
stamp() { echo "<!-- of $(basename "$1") $(sha256sum <"$1" | cut -c1-16), by PlantUML $version: tests/tools/plantuml.sh write -->"; }
words() { grep -oE '<text[^>]*>[^<]*' "$1" | sed 's/^<text[^>]*>//' | sort; }

case "${1:-}" in
  install) install; echo "PlantUML $version" ;;
  write)
    install
    work="$(mktemp -d)"; trap 'rm -rf "$work"' EXIT
    render "$work"
    for source in "$diagrams"/*.puml; do
      svg="$(basename "$source" .puml).svg"
      { cat "$work/$svg"; echo; stamp "$source"; } >"$diagrams/$svg"
    done ;;
  check)
    install
    work="$(mktemp -d)"; trap 'rm -rf "$work"' EXIT
    render "$work"
    for source in "$diagrams"/*.puml; do
      svg="$(basename "$source" .puml).svg"
      if [ "$(tail -1 "$diagrams/$svg" 2>/dev/null)" = "$(stamp "$source")" ] && diff -q <(words "$work/$svg") <(words "$diagrams/$svg") >/dev/null; then
        echo "ok docs/architecture/$svg is current"
      else
        echo "FAIL docs/architecture/$svg: not current: run tests/tools/plantuml.sh write"; bad=1
      fi
    done
    exit "$bad" ;;
  *) sed -n 3p "$0" >&2; exit 2 ;;
esac
