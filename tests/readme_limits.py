"""The README's table of limits, from the constants that set them."""

from __future__ import annotations

from pipeline.ledger.rows import LONGEST_MESSAGE
from pipeline.mapping.yaml_source import MAX_DEPTH, MAX_VALUES
from pipeline.mapping_file import MAX_BYTES as MAPPING_BYTES
from pipeline.settings import MAX_BYTES as SETTINGS_BYTES
from pipeline.settings import Settings
from pipeline.stages.read.encoding import SAMPLE_BYTES
from pipeline.stages.read.source import DEFAULT_LIMITS
from pipeline.suppression_text import LINE_BYTES, MOST_LINES
from pipeline.transport.answer_limit import LARGEST_ANSWER

KB, MB = 1024, 1024 * 1024


def limits() -> list[tuple[str, ...]]:
    """What is limited, to what, and what comes of more."""
    export = DEFAULT_LIMITS
    shard = Settings.model_fields["consent_sync_max_shard_records"].default
    return [
        ("a record of an export", f"{export.record_bytes // MB} MB", "`malformed_record`; the others are read"),
        (
            "the text of a malformed record in messages",
            (
                f"{export.raw_characters:,} characters; after {export.raw_total_bytes // MB} MB of them "
                f"{export.raw_least_characters} each"
            ),
            "cut; its length is said",
        ),
        ("malformed records", f"{export.malformed_records:,}", "the export is refused"),
        ("a header", f"{SAMPLE_BYTES // KB} KB, {export.columns:,} columns", "the export is refused"),
        (
            "what a .gz, a .zip or a Parquet file unpacks to",
            f"{export.expansion} times its size, or {export.expansion_floor_bytes // MB} MB",
            "refused; unpack it yourself if it is right",
        ),
        ("a zip's list of files", f"{export.directory_bytes // MB} MB, one export", "the export is refused"),
        ("a Parquet file's footer", f"{export.footer_bytes // MB} MB", "the export is refused"),
        ("records that are planned at once", f"`CONSENT_SYNC_MAX_SHARD_RECORDS` ({shard:,})", "the export is refused"),
        (
            "a mapping",
            f"{MAPPING_BYTES // MB} MB, {MAX_VALUES:,} values, {MAX_DEPTH} levels, no anchors, aliases or tags",
            "the mapping is refused",
        ),
        ("a suppression list", f"{MOST_LINES:,} lines of {LINE_BYTES // KB} KB", "the list cannot be used"),
        ("`.env`", f"{SETTINGS_BYTES // KB} KB", "the settings cannot be used"),
        ("an answer of a destination, unpacked", f"{LARGEST_ANSWER // MB} MB", "no usable answer: `unclear`, code 5"),
        ("what a destination says of a record", f"{LONGEST_MESSAGE:,} characters", "cut"),
    ]
