"""What is wrong with the settings, in the words of the environment variables a person sets."""

import re

from pydantic import ValidationError
from pydantic_settings import SettingsError

from api.kit.wording import explain

SETTING_ERRORS = (ValidationError, SettingsError)
"""What reading the settings may raise."""

_FIELD = re.compile(r'field "(\w+)"')


def setting_faults(error: ValidationError | SettingsError) -> list[str]:
    """One sentence a fault, in Chinese, naming the variable where one is to blame; never its value."""
    if isinstance(error, SettingsError):
        return [f"{_variable(name)} 不是合法的 JSON" for name in _FIELD.findall(str(error))] or ["无法读取"]
    return [
        " ".join([*(_variable(str(part)) for part in each["loc"][:1]), explain(each)])
        for each in error.errors(include_input=False)
    ]


def _variable(name: str) -> str:
    return name if name.isupper() else f"LINLI_{name.upper()}"
