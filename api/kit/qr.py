"""QR codes as pictures, drawn here: no service is asked."""

import io

from api.kit.late import late

segno = late("segno")


def qr_svg(text: str, *, scale: int) -> str:
    """An SVG document of its own, `scale` pixels a module, with the quiet zone of two that screens and paper bear."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        out, kind="svg", scale=scale, border=2, xmldecl=False, nl=False
    )
    return out.getvalue().decode()
