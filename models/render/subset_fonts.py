"""Cut the fonts down to the characters that the renderer needs.

Usage: python -m models.render.subset_fonts NODE_MODULES DEBIAN_ROOT

NODE_MODULES holds the `@fontsource/*` packages, DEBIAN_ROOT the unpacked `fonts-*` packages that
`SOURCES` names. Each face becomes one small file in `fonts/`, renamed, because some licences
reserve the name for the unmodified font.
"""

import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from fontTools.merge import Merger
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

from models.render.claims import load_claims
from models.render.wording import all_text

FONTS = Path(__file__).with_name("fonts")
LATIN = "".join(map(chr, range(0x20, 0x7F))) + "°·–—‘’“”•€£©®™×−"
WENKAI = "truetype/lxgw-wenkai/LXGWWenKai"
CJK_EXTRA = "，。！？、；：（）《》￥％·—…“”"


@dataclass(frozen=True)
class Source:
    """One face: the shipped name, its package, and the file stem or path inside it."""

    name: str
    package: str
    face: str
    cjk: bool = False


def latin(name: str, package: str, face: str) -> Source:
    return Source(name, f"@fontsource/{package}", face)


def cjk(name: str, package: str, face: str = "400-normal") -> Source:
    return Source(name, f"@fontsource/{package}", face, cjk=True)


SOURCES = (
    latin("roboto", "roboto", "500-normal"),
    latin("roboto-black-italic", "roboto", "900-italic"),
    latin("open-sans", "open-sans", "700-normal"),
    latin("lato", "lato", "700-normal"),
    latin("merriweather", "merriweather", "700-normal"),
    latin("merriweather-italic", "merriweather", "700-italic"),
    latin("playfair", "playfair-display", "700-normal"),
    latin("playfair-italic", "playfair-display", "700-italic"),
    latin("oswald", "oswald", "500-normal"),
    latin("roboto-mono", "roboto-mono", "500-normal"),
    latin("roboto-slab", "roboto-slab", "700-normal"),
    latin("source-sans", "source-sans-3", "600-normal"),
    latin("source-sans-italic", "source-sans-3", "700-italic"),
    latin("nunito", "nunito", "800-normal"),
    latin("bebas-neue", "bebas-neue", "400-normal"),
    latin("montserrat", "montserrat", "700-normal"),
    latin("poppins", "poppins", "600-normal"),
    latin("poppins-italic", "poppins", "500-italic"),
    latin("raleway", "raleway", "700-normal"),
    latin("lora", "lora", "600-normal"),
    latin("lora-italic", "lora", "700-italic"),
    latin("pt-serif", "pt-serif", "700-normal"),
    latin("archivo-black", "archivo-black", "400-normal"),
    latin("anton", "anton", "400-normal"),
    latin("caveat", "caveat", "700-normal"),
    latin("comic-neue", "comic-neue", "700-normal"),
    latin("abril-fatface", "abril-fatface", "400-normal"),
    latin("bitter", "bitter", "600-normal"),
    latin("inconsolata", "inconsolata", "700-normal"),
    latin("work-sans", "work-sans", "600-normal"),
    latin("inter", "inter", "700-normal"),
    latin("libre-baskerville", "libre-baskerville", "700-normal"),
    latin("fjalla-one", "fjalla-one", "400-normal"),
    latin("lobster-two", "lobster-two", "700-italic"),
    cjk("noto-sans-sc", "noto-sans-sc", "500-normal"),
    cjk("noto-sans-sc-black", "noto-sans-sc", "900-normal"),
    cjk("noto-serif-sc", "noto-serif-sc", "600-normal"),
    cjk("noto-serif-sc-black", "noto-serif-sc", "900-normal"),
    cjk("zcool-xiaowei", "zcool-xiaowei"),
    cjk("zcool-huangyou", "zcool-qingke-huangyou"),
    cjk("zcool-kuaile", "zcool-kuaile"),
    cjk("lubrifont", "wdxl-lubrifont-sc"),
    cjk("ma-shan-zheng", "ma-shan-zheng"),
    Source("wenkai", "fonts-lxgw-wenkai", f"{WENKAI}-Bold.ttf", cjk=True),
    Source("wenkai-mono", "fonts-lxgw-wenkai", f"{WENKAI}Mono-Regular.ttf", cjk=True),
    Source("microhei", "fonts-wqy-microhei", "truetype/wqy/wqy-microhei.ttc", cjk=True),
)  # fmt: skip


def wanted(cjk_face: bool) -> str:
    """The characters that a face must hold."""
    text = LATIN
    if cjk_face:
        text += CJK_EXTRA + all_text() + "".join(claim.text for claim in load_claims())
    return "".join(sorted(set(text)))


def subset(path: Path, text: str) -> TTFont:
    """The face at `path` with the outlines of `text` alone: no layout tables, no hints."""
    font = TTFont(path, fontNumber=0)
    options = Options()
    options.layout_features = []
    options.hinting = False
    options.drop_tables += ["GSUB", "GPOS", "GDEF", "BASE", "vhea", "vmtx", "STAT", "DSIG"]
    options.name_IDs = []
    options.notdef_outline = True
    subsetter = Subsetter(options)
    subsetter.populate(text=text)
    subsetter.subset(font)
    font.flavor = None
    return font


def files_of(source: Source, modules: Path, debian: Path) -> list[Path]:
    """The files that together hold the face, the Latin one first."""
    if not source.package.startswith("@"):
        return [debian / "usr/share/fonts" / source.face]
    folder, family = modules / source.package / "files", source.package.split("/")[1]
    scripts = ("latin", "chinese-simplified") if source.cjk else ("latin",)
    return [folder / f"{family}-{script}-{source.face}.woff2" for script in scripts]


def build(source: Source, modules: Path, debian: Path, work: Path) -> TTFont:
    """One renamed face, its parts merged."""
    text, parts, have = wanted(source.cjk), [], set()
    for number, path in enumerate(files_of(source, modules, debian)):
        font = subset(path, "".join(c for c in text if ord(c) not in have))
        have |= set(font.getBestCmap())
        parts.append(work / f"{source.name}-{number}.ttf")
        font.save(parts[-1])
    merged = Merger().merge([str(p) for p in parts]) if len(parts) > 1 else TTFont(parts[0])
    for name_id, value in ((1, f"Ad {source.name}"), (2, "Regular"), (4, f"Ad {source.name}")):
        merged["name"].setName(value, name_id, 3, 1, 0x409)
    merged["name"].setName(f"Ad-{source.name}", 6, 3, 1, 0x409)
    return merged


def version_of(source: Source, modules: Path, debian: Path) -> str:
    if source.package.startswith("@"):
        return json.loads((modules / source.package / "package.json").read_text())["version"]
    archive = next(debian.parent.glob(f"{source.package}_*.deb"))
    return archive.name.split("_")[1].replace("%3a", ":")


def main(modules: Path, debian: Path) -> None:
    licences = FONTS / "licenses"
    licences.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        for source in SOURCES:
            font = build(source, modules, debian, Path(work))
            missing = {c for c in wanted(source.cjk) if ord(c) not in font.getBestCmap()}
            suffix = ".otf" if "CFF " in font else ".ttf"
            font.save(FONTS / f"{source.name}{suffix}")
            if source.package.startswith("@"):
                licence = modules / source.package / "LICENSE"
            else:
                licence = debian / "usr/share/doc" / source.package / "copyright"
            shutil.copy(licence, licences / f"{source.package.split('/')[-1]}.txt")
            version = version_of(source, modules, debian)
            kind = "CJK" if source.cjk else "Latin"
            print("|", source.name, "|", kind, "|", source.package, version, "|", source.face, "|")
            if missing:
                print("  lacks", "".join(sorted(missing)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
