"""The schema that is served, and GraphQL documents parsed and checked against it once."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    build_schema,
    parse,
    specified_rules,
    validate,
)

from pipeline.sandbox.acoustic_connect.resolvers import RESOLVERS

if TYPE_CHECKING:
    from pipeline.sandbox.acoustic_connect.settings import Settings

_FOLDER = Path(__file__).parent


@lru_cache(maxsize=4)
def schema_for(generation: str, *, typed_consent_input: bool) -> GraphQLSchema:
    """The schema of an API generation, with its resolvers."""
    text = (_FOLDER / f"schema_{generation}.graphql").read_text("utf-8")
    if not typed_consent_input:
        text = text.replace("consent: ConsentInput", "consent: JSON")
    schema = build_schema(text)
    for type_name, resolvers in RESOLVERS.items():
        of_type = schema.get_type(type_name)
        fields = of_type.fields if isinstance(of_type, GraphQLObjectType) else {}
        for field_name, resolve in resolvers.items():
            if field_name in fields:
                fields[field_name].resolve = resolve
    return schema


def schema_of(settings: Settings) -> GraphQLSchema:
    """The schema that these settings ask for."""
    return schema_for(settings.api_generation, typed_consent_input=settings.typed_consent_input)


@lru_cache(maxsize=64)
def parsed(query: str) -> DocumentNode | GraphQLSyntaxError:
    """The document, or what is wrong with its syntax."""
    try:
        return parse(query)
    except GraphQLSyntaxError as error:
        return error


@lru_cache(maxsize=64)
def faults_of(query: str, settings: Settings) -> tuple[GraphQLError, ...]:
    """Why the document does not fit the schema; empty if it does."""
    document = parsed(query)
    if isinstance(document, GraphQLError):
        return (document,)
    rules = list(specified_rules) if settings.introspection else [*specified_rules, NoSchemaIntrospectionCustomRule]
    return tuple(validate(schema_of(settings), document, rules))


def root_fields(query: str, operation_name: str | None) -> list[FieldNode]:
    """The fields at the top of the operation that would be carried out; none if the document cannot be read."""
    document = parsed(query)
    if isinstance(document, GraphQLError):
        return []
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    chosen = [o for o in operations if operation_name is None or (o.name and o.name.value == operation_name)]
    return [node for o in chosen[:1] for node in o.selection_set.selections if isinstance(node, FieldNode)]
