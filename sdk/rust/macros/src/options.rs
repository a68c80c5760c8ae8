//! What stands in `#[operation(…)]`.

use proc_macro2::Ident;
use syn::{
    Error, LitStr, Token, bracketed,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
};

/// What stands in `#[operation(…)]`.
pub(crate) struct Options {
    pub(crate) name: Option<LitStr>,
    pub(crate) title: Option<LitStr>,
    /// The variant of `Effect`.
    pub(crate) effect: Ident,
    pub(crate) idempotent: bool,
    pub(crate) scopes: Vec<LitStr>,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let (mut name, mut title, mut effect, mut idempotent, mut scopes) = (None, None, None, false, Vec::new());
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            match key.to_string().as_str() {
                "name" => name = Some(string(input)?),
                "title" => title = Some(string(input)?),
                "effect" => effect = Some(variant(&string(input)?)?),
                "idempotent" => idempotent = true,
                "scopes" => {
                    input.parse::<Token![=]>()?;
                    let list;
                    bracketed!(list in input);
                    scopes = Punctuated::<LitStr, Token![,]>::parse_terminated(&list)?.into_iter().collect();
                }
                _ => {
                    return Err(Error::new(
                        key.span(),
                        "unknown option: expected `effect`, `idempotent`, `name`, `title` or `scopes`",
                    ));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        let effect = effect.ok_or_else(|| {
            input.error("say what the operation may change: `effect = \"read\"`, `\"write\"` or `\"destructive\"`")
        })?;
        Ok(Self { name, title, effect, idempotent, scopes })
    }
}

fn string(input: ParseStream<'_>) -> syn::Result<LitStr> {
    input.parse::<Token![=]>()?;
    input.parse()
}

fn variant(effect: &LitStr) -> syn::Result<Ident> {
    let variant = match effect.value().as_str() {
        "read" => "Read",
        "write" => "Write",
        "destructive" => "Destructive",
        _ => return Err(Error::new(effect.span(), "expected `read`, `write` or `destructive`")),
    };
    Ok(Ident::new(variant, effect.span()))
}
