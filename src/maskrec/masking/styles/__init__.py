"""The styles of masks: drawn by this package, each on first use, or read from a folder."""

from collections.abc import Callable, Sequence
from functools import cache

from maskrec.errors import UserError
from maskrec.masking.styles import cloth, respirators, surgical
from maskrec.masking.styles.folder import folder_styles, read_style
from maskrec.masking.styles.style import Colour, Layers, Palette, Straps, Style

__all__ = ["STYLES", "Colour", "Layers", "Palette", "Straps", "Style", "choose", "find_styles"]

_DRAWN: tuple[Callable[[], Style], ...] = (
    surgical.surgical_blue,
    surgical.surgical_green,
    surgical.surgical_white,
    surgical.surgical_black,
    surgical.activated_carbon,
    respirators.n95,
    respirators.n95_valve,
    respirators.kn95,
    respirators.dust,
    cloth.cloth,
    cloth.cloth_striped,
    cloth.cloth_checked,
    cloth.cloth_dotted,
    cloth.cloth_flowery,
    cloth.cloth_camouflage,
    cloth.sponge,
    cloth.bandana,
    cloth.scarf,
)
STYLES = tuple(draw.__name__ for draw in _DRAWN)


@cache
def choose(name: str, folder: str | None = None) -> Style:
    """A style by its name: of the folder if it is there, else drawn by this package.

    Raises:
        UserError: There is none of that name.
    """
    if folder is not None and name in folder_styles(folder):
        return read_style(folder, name)
    if name not in STYLES:
        raise UserError(f"no style of mask is called '{name}': use one of {', '.join(find_styles(None, folder))}")
    return _DRAWN[STYLES.index(name)]()


def find_styles(names: Sequence[str] | None, folder: str | None) -> tuple[str, ...]:
    """The given names, or else all there are.

    Raises:
        UserError: One is unknown, or cannot be read.
    """
    if names is None:
        names = (*STYLES, *(folder_styles(folder) if folder is not None else ()))
    elif not names:
        raise UserError("styles of masks: none is given; leave them out for all of them")
    else:
        for name in names:
            choose(name, folder)
    return tuple(names)
