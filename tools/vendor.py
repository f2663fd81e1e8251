"""Fetch the page assets that vendor.toml lists, make the icon sprite, and compare everything with its SHA-256."""

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

VENDOR = Path(__file__).parents[1] / "src/holdfast/web/static/vendor"
TOML = VENDOR / "vendor.toml"
BOUNDING_BOX = '<path stroke="none" d="M0 0h24v24H0z" fill="none" />'  # draws nothing
SYMBOL = (
    '<symbol id="{}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" '
    'stroke-linecap="round" stroke-linejoin="round">{}</symbol>\n'
)


@dataclass(frozen=True)
class Asset:
    """A table of vendor.toml; one with *names* is a sprite of these icons."""

    name: str
    package: str
    version: str
    sha256: str
    licence: str
    path: str | None = None
    names: list[str] | None = None

    @property
    def stem(self) -> str:
        """The package's name as npm writes it in file names."""
        return self.package.removeprefix("@").replace("/", "-")

    def matches(self, content: bytes) -> bool:
        """Return whether *content* has the recorded checksum."""
        return hashlib.sha256(content).hexdigest() == self.sha256


def read_assets() -> list[Asset]:
    """Read vendor.toml, the sprite last."""
    tables = tomllib.loads(TOML.read_text("utf-8"))
    return [Asset(**table) for table in [*tables["file"], tables["icons"]]]


def check(assets: list[Asset]) -> list[str]:
    """Compare the files that are here with vendor.toml; a sentence for every difference."""
    files = {TOML, *(VENDOR / asset.name for asset in assets)}
    strays = (path for path in sorted(VENDOR.rglob("*")) if path.is_file() and path not in files)
    problems = [f"{path.relative_to(VENDOR)} is not listed in vendor.toml." for path in strays]
    for asset in assets:
        if not (VENDOR / asset.name).is_file():
            problems.append(f"{asset.name} is missing.")
        elif not asset.matches((VENDOR / asset.name).read_bytes()):
            problems.append(f"{asset.name} is not the file that vendor.toml describes.")
    return problems


def fetch(assets: list[Asset], folder: Path) -> list[bytes]:
    """Fetch the packages into *folder* with npm, and return each asset from them."""
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("Fetching page assets needs npm. Install it, or use --check, which does without.")
    for package, version, stem in {(a.package, a.version, a.stem) for a in assets if a.path}:
        pack = [npm, "pack", "-s", f"{package}@{version}"]
        if subprocess.run(pack, cwd=folder, check=False, capture_output=True).returncode:  # noqa: S603 - our own words
            sys.exit(f"npm could not fetch {package} {version}.")
        with tarfile.open(folder / f"{stem}-{version}.tgz") as archive:
            archive.extractall(folder / stem, filter="data")
    try:
        return [build(asset, folder / asset.stem / "package") for asset in assets]
    except FileNotFoundError as error:
        sys.exit(f"There is no {error.filename}. Correct the path or the names in vendor.toml.")


def build(asset: Asset, package: Path) -> bytes:
    """Read *asset* from its unpacked *package*, or make the sprite of its icons."""
    if asset.path is None:
        return (VENDOR / asset.name).read_bytes()
    if asset.names is None:
        return (package / asset.path).read_bytes()
    symbols = ""
    for name in asset.names:
        svg = (package / asset.path / f"{name}.svg").read_text("utf-8").replace(BOUNDING_BOX, "")
        symbols += SYMBOL.format(name, "".join(re.findall(r"<(?!/?svg)[^>]+>", svg)))
    origin = f"<!-- {asset.package} {asset.version}, {asset.licence}, see vendor/LICENSES/{asset.stem}.txt -->"
    return f'<svg xmlns="http://www.w3.org/2000/svg">\n{origin}\n{symbols}</svg>\n'.encode()


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(description=__doc__)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="compare the files that are here, fetch nothing")
    mode.add_argument("--record", action="store_true", help="write the sums of what was fetched into vendor.toml")
    options = parser.parse_args()
    assets = read_assets()
    if not options.check:
        with tempfile.TemporaryDirectory() as folder:
            contents = fetch(assets, Path(folder))
        if options.record:
            sums = (f'sha256 = "{hashlib.sha256(content).hexdigest()}"' for content in contents)
            TOML.write_text(re.sub(r'(?m)^sha256 = ".*"$', lambda _: next(sums), TOML.read_text("utf-8")), "utf-8")
            assets = read_assets()
        elif wrong := [a.name for a, content in zip(assets, contents, strict=True) if not a.matches(content)]:
            sys.exit(f"Nothing was written, because these are not what vendor.toml describes: {', '.join(wrong)}.")
        for asset, content in zip(assets, contents, strict=True):
            (VENDOR / asset.name).write_bytes(content)
    sys.exit("\n".join(check(assets)) or None)


if __name__ == "__main__":
    main()
