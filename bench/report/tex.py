r"""Text as LaTeX and BibTeX print it, whatever signs and scripts it has.

Plain ASCII comes out, so that it compiles with every engine and every old style. Braces are written
as ``\textbraceleft``: BibTeX counts those that a backslash escapes too.
"""

import unicodedata

_SIGNS = {
    "\\": r"\textbackslash{}", "{": r"\textbraceleft{}", "}": r"\textbraceright{}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "`": r"\textasciigrave{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"''",
    "%": r"\%", "_": r"\_", "&": r"\&", "#": r"\#", "$": r"\$",
    "–": "--", "—": "---", "‘": "`", "’": "'", "“": "``", "”": "''", "…": r"\ldots{}",
    "×": r"$\times$", "·": r"$\cdot$", "±": r"$\pm$", "−": "$-$", "≥": r"$\geq$", "≤": r"$\leq$",
    "≈": r"$\approx$", "≠": r"$\neq$", "→": r"$\rightarrow$", "∞": r"$\infty$", "∂": r"$\partial$",
    "√": r"$\surd$", "‖": r"$\|$", "²": "$^2$", "³": "$^3$", "°": r"$^\circ$", "µ": r"$\mu$",
    "ß": r"{\ss}", "æ": r"{\ae}", "Æ": r"{\AE}", "ø": r"{\o}", "Ø": r"{\O}", "ł": r"{\l}",
    "Ł": r"{\L}", "œ": r"{\oe}", "Œ": r"{\OE}", "ı": r"{\i}",
}  # fmt: skip
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u",
    "\u0307": ".", "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c",
    "\u0328": "k",
}  # fmt: skip
#: Letters with a command; of the capitals those that look as no Latin letter does.
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta",
    "θ": "theta", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi",
    "ρ": "rho", "σ": "sigma", "τ": "tau", "υ": "upsilon", "φ": "phi", "χ": "chi", "ψ": "psi",
    "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi",
    "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip
_KNOWN = _SIGNS | {letter: f"$\\{name}$" for letter, name in _GREEK.items()}


def escaped(text: str) -> str:
    """The text, its white space single blanks; a sign without a command is called by its number."""
    composed = unicodedata.normalize("NFC", " ".join(text.split()))
    return "".join(_KNOWN.get(sign) or _sign(sign) for sign in composed)


def _sign(sign: str) -> str:
    if sign.isascii() and sign.isprintable():
        return sign
    parts = unicodedata.normalize("NFD", sign)
    if len(parts) == 2 and parts[0].isascii() and parts[1] in _ACCENTS:
        return f"{{\\{_ACCENTS[parts[1]]}{{{parts[0]}}}}}"
    return f"[U+{ord(sign):04X}]"
