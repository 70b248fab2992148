//! What both OpenAPI documents need beside what their routes say themselves.
//!
//! A program that writes a client from a document takes names and types to the letter. So a parameter is never `null`, a body
//! whose fields depend on one of them is a flat `oneOf` with a discriminator, and every operation lists the problems that
//! it may answer with, and no others.

mod tagged;

use std::collections::BTreeMap;

use utoipa::openapi::path::{Operation, Parameter, PathItem};
use utoipa::openapi::schema::{AdditionalProperties, Array, ArrayItems, Schema, SchemaType, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Response};

pub use self::tagged::flatten;
use crate::access::{Route, describe};
use crate::problem::{FORBIDDEN, INTERNAL, Kind, MEDIA_TYPE};

/// Completes a document: what each operation asks for by the table of routes, and the problems that each may answer with by
/// its id. Every operation may find the request to be from another site's page, or meet a fault of ours.
pub fn complete(document: &mut OpenApi, routes: &[Route], problems_of: impl Fn(&str) -> Vec<Kind>) {
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    let header = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-API-Key")));
    components.add_security_scheme("key", header);
    components.schemas.values_mut().for_each(open);
    for item in document.paths.paths.values_mut() {
        for operation in operations(item).into_iter().filter_map(|(_, operation)| operation.as_mut()) {
            without_null(operation);
            let id = operation.operation_id.clone().unwrap_or_default();
            let kinds = problems_of(&id);
            refuse(operation, kinds.into_iter().chain([FORBIDDEN, INTERNAL]));
        }
    }
    describe(document, routes);
}

/// Each method that a path may take, with its operation.
pub(crate) fn operations(item: &mut PathItem) -> [(&'static str, &mut Option<Operation>); 5] {
    [
        ("GET", &mut item.get),
        ("POST", &mut item.post),
        ("PUT", &mut item.put),
        ("PATCH", &mut item.patch),
        ("DELETE", &mut item.delete),
    ]
}

/// Says of an operation that it may answer with these problems, beside what it says already.
pub(crate) fn refuse(operation: &mut Operation, kinds: impl Iterator<Item = Kind>) {
    let mut by_status = BTreeMap::<String, Vec<String>>::new();
    for kind in kinds {
        let said = by_status.entry(kind.status.as_str().to_owned()).or_default();
        let text = format!("`{}`: {}.", kind.uri, kind.title);
        if !said.contains(&text) {
            said.push(text);
        }
    }
    for (status, said) in by_status {
        let said = said.join(" ");
        match operation.responses.responses.entry(status).or_insert_with(|| RefOr::T(Response::new(""))) {
            RefOr::T(response) => {
                response.description = format!("{} {said}", response.description).trim().to_owned();
                let schema = Ref::from_schema_name("Problem");
                let content = ContentBuilder::new().schema(Some(schema)).build();
                response.content.entry(MEDIA_TYPE.to_owned()).or_insert(content.into());
            }
            RefOr::Ref(_) => (),
        }
    }
}

/// Says of an object whose members are not listed that it may have any.
fn open(schema: &mut RefOr<Schema>) {
    let RefOr::T(schema) = schema else { return };
    match schema {
        Schema::Object(object) => {
            let is_object = match &object.schema_type {
                SchemaType::Type(of) => *of == Type::Object,
                SchemaType::Array(types) => types.contains(&Type::Object),
                SchemaType::AnyValue => false,
            };
            if is_object && object.properties.is_empty() && object.additional_properties.is_none() {
                object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(true)));
            }
            object.properties.values_mut().for_each(open);
        }
        Schema::OneOf(of) => of.items.iter_mut().for_each(open),
        Schema::AllOf(of) => of.items.iter_mut().for_each(open),
        Schema::Array(Array { items: ArrayItems::RefOrSchema(items), .. }) => open(items),
        _ => (),
    }
}

/// A parameter that may be left out is not one that may be `null`.
fn without_null(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        let RefOr::T(Parameter { schema: Some(schema), .. }) = parameter else { continue };
        match schema {
            RefOr::T(Schema::Object(object)) => {
                if let SchemaType::Array(types) = &object.schema_type
                    && let [only] = types.iter().filter(|of| **of != Type::Null).collect::<Vec<_>>()[..]
                {
                    object.schema_type = SchemaType::Type(only.clone());
                }
            }
            RefOr::T(Schema::OneOf(one_of)) => {
                let is_null = |item: &RefOr<Schema>| matches!(item, RefOr::T(Schema::Object(object)) if object.schema_type == SchemaType::Type(Type::Null));
                one_of.items.retain(|item| !is_null(item));
                if let [only] = &one_of.items[..] {
                    *schema = only.clone();
                }
            }
            _ => (),
        }
    }
}
