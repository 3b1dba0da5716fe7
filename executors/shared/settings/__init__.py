"""All settings of the rooms: environment variables `ADJUDICATE_…`, read once at a room's door.

A section's name stands before a double underscore: `ADJUDICATE_ENCODER__PRECISION=fp32`.
What should stand in no environment is read from the files of a folder: `ADJUDICATE_SECRETS`.
"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from adjudicate.errors import ConfigurationError
from executors.shared.settings.edge import (
    AccessSettings,
    ConsoleSettings,
    FetchSettings,
    GatewaySettings,
    ImageLimits,
    LimitSettings,
    TlsSettings,
)
from executors.shared.settings.records import Keep, RetentionSettings
from executors.shared.settings.rooms import (
    Backend,
    Compile,
    DecisionSettings,
    EncoderSettings,
    JudgeSettings,
    LibrarySettings,
    Precision,
    Rationale,
)
from executors.shared.settings.running import (
    HealthSettings,
    LogLevel,
    QualitySettings,
    SupervisorSettings,
    TelemetrySettings,
)
from executors.shared.settings.section import ROOT, OptionalPath
from executors.shared.settings.work import QueueSettings, WebhookSettings

__all__ = [
    "ROOT",
    "SECRETS",
    "AccessSettings",
    "Backend",
    "Compile",
    "ConsoleSettings",
    "DecisionSettings",
    "EncoderSettings",
    "FetchSettings",
    "GatewaySettings",
    "HealthSettings",
    "ImageLimits",
    "JudgeSettings",
    "LibrarySettings",
    "LimitSettings",
    "LogLevel",
    "Precision",
    "QualitySettings",
    "QueueSettings",
    "Rationale",
    "RetentionSettings",
    "Settings",
    "SupervisorSettings",
    "TelemetrySettings",
    "TlsSettings",
    "WebhookSettings",
    "load_settings",
]

SECRETS = "ADJUDICATE_SECRETS"  # pragma: allowlist secret


class Settings(BaseSettings):
    """Every section with its defaults."""

    model_config = SettingsConfigDict(
        env_prefix="ADJUDICATE_", env_nested_delimiter="__", extra="ignore", frozen=True
    )

    secrets: OptionalPath = None
    """A folder with files that are named as variables, upper or lower case, and hold their values,
    such as `adjudicate_database`. A variable of the environment goes before its file."""
    policies: Path = ROOT / "policies"
    policy_poll_s: float = Field(2.0, ge=0)
    """How often the rooms look for a changed policy; 0: only at the start."""
    database: str = f"sqlite:///{ROOT / 'data' / 'adjudicate.db'}"
    """SQLAlchemy URL of exemplars and decisions."""
    pictures: str = ""
    """A folder, or a URL such as `s3://bucket/prefix`, for the pictures of ads. Empty: the folder
    `pictures` beside a SQLite database's file, else `data/pictures`."""
    keep_pictures: Keep = "all"
    """Of which ads pictures are kept. `reviewed`: of those that people may look at: rejected and
    escalated ones and the audit sample."""
    images: ImageLimits = ImageLimits()
    gateway: GatewaySettings = GatewaySettings()
    limits: LimitSettings = LimitSettings()
    access: AccessSettings = AccessSettings()
    console: ConsoleSettings = ConsoleSettings()
    tls: TlsSettings = TlsSettings()
    fetch: FetchSettings = FetchSettings()
    encoder: EncoderSettings = EncoderSettings()
    library: LibrarySettings = LibrarySettings()
    judge: JudgeSettings = JudgeSettings()
    decision: DecisionSettings = DecisionSettings()
    supervisor: SupervisorSettings = SupervisorSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    health: HealthSettings = HealthSettings()
    quality: QualitySettings = QualitySettings()
    queue: QueueSettings = QueueSettings()
    webhook: WebhookSettings = WebhookSettings()
    retention: RetentionSettings = RetentionSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment, then the files of `ADJUDICATE_SECRETS`."""
        files = NestedSecretsSettingsSource(
            file_secret_settings,
            os.environ.get(SECRETS) or None,
            secrets_dir_missing="error",  # pragma: allowlist secret
        )
        return init_settings, env_settings, files


def load_settings() -> Settings:
    """The settings of this process.

    Raises `ConfigurationError` that names the variable, its value's fault, and nothing else.
    """
    try:
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{SECRETS}: a file of it cannot be read: {error}.") from None
    except SettingsError as error:
        # Without a cause it is the folder that is wrong; else a whole section that is no JSON.
        where = "The settings" if error.__cause__ else SECRETS
        raise ConfigurationError(f"{where}: {error}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        name = "ADJUDICATE_" + "__".join(str(part) for part in first["loc"]).upper()
        raise ConfigurationError(f"{name}: {first['msg']}.") from None
