//! Bodies whose fields depend on one of them: as flat objects, each known by that field.

use utoipa::openapi::schema::{AdditionalProperties, Discriminator, Object, OneOf, Schema};
use utoipa::openapi::{Components, OpenApi, Ref, RefOr};

/// Makes the schema `name`, which is derived as an `allOf` of a tagged enum and common fields, a `oneOf` of flat objects with
/// the discriminator `tag`. Each object is a schema of its own, called as its tag and `suffix`: `deposit` with `Job` is
/// `DepositJob`. `None`: the schema is not there, or is something else.
#[must_use = "a schema that is not as expected stays as it is"]
pub fn flatten(document: &mut OpenApi, name: &str, tag: &str, suffix: &str) -> Option<()> {
    let components = document.components.as_mut()?;
    let RefOr::T(Schema::AllOf(all_of)) = components.schemas.get(name)?.clone() else { return None };
    let mut common = Object::new();
    let mut variants = Vec::new();
    for part in &all_of.items {
        match resolved(components, part)? {
            Schema::OneOf(one_of) => variants = one_of.items.clone(),
            Schema::Object(object) => merge(&mut common, object),
            _ => return None,
        }
    }
    let mut flat = OneOf { description: all_of.description, example: all_of.example, ..OneOf::new() };
    let mut discriminator = Discriminator::new(tag);
    for variant in &variants {
        let Schema::Object(variant) = resolved(components, variant)? else { return None };
        let value = tag_of(variant, tag)?;
        let own_name = format!("{}{suffix}", camel_case(&value));
        let mut object = variant.clone();
        merge(&mut object, &common);
        object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        components.schemas.insert(own_name.clone(), RefOr::T(Schema::Object(object)));
        discriminator.mapping.insert(value, format!("#/components/schemas/{own_name}"));
        flat.items.push(Ref::from_schema_name(own_name).into());
    }
    flat.discriminator = Some(discriminator);
    components.schemas.insert(name.to_owned(), RefOr::T(Schema::OneOf(flat)));
    Some(())
}

fn resolved<'a>(components: &'a Components, schema: &'a RefOr<Schema>) -> Option<&'a Schema> {
    match schema {
        RefOr::T(schema) => Some(schema),
        RefOr::Ref(reference) => {
            let name = reference.ref_location.strip_prefix("#/components/schemas/")?;
            match components.schemas.get(name)? {
                RefOr::T(schema) => Some(schema),
                RefOr::Ref(_) => None,
            }
        }
    }
}

fn merge(into: &mut Object, other: &Object) {
    into.properties.extend(other.properties.iter().map(|(name, schema)| (name.clone(), schema.clone())));
    into.required.extend(other.required.iter().cloned());
}

fn tag_of(variant: &Object, tag: &str) -> Option<String> {
    match variant.properties.get(tag)? {
        RefOr::T(Schema::Object(object)) => Some(object.enum_values.as_ref()?.first()?.as_str()?.to_owned()),
        _ => None,
    }
}

fn camel_case(snake: &str) -> String {
    let words = snake.split('_').map(|word| {
        let mut letters = word.chars();
        letters
            .next()
            .map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
    });
    words.collect()
}
