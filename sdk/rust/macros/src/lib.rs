//! The attribute behind jackfield-sdk's operations. Use it through `jackfield_sdk::operation`.

mod options;
mod words;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, FnArg, ItemFn, ReturnType, Type, spanned::Spanned};

use options::Options;

/// Makes an operation of a function: `fn(Input, &Context) -> Result<Output>`, or `fn(Input) -> Result<Output>`.
///
/// The doc comment is the description. Options:
///
/// - `effect = "read" | "write" | "destructive"` (needed): what it may change at the service
/// - `idempotent`: doing it twice is the same as doing it once
/// - `name = "kebab-case"`: what callers call it; left out: the function's name
/// - `title = "…"`: its name for a person; left out: made of the name
/// - `scopes = ["…"]`: scopes it needs, of those in the manifest's `auth`
#[proc_macro_attribute]
pub fn operation(attribute: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(attribute.into(), item.into()).unwrap_or_else(Error::into_compile_error).into()
}

fn expand(attribute: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let function: ItemFn = syn::parse2(item)?;
    let options: Options = syn::parse2(attribute)?;
    let identifier = &function.sig.ident;
    let (input, takes_context) = parameters(&function)?;
    let output = match &function.sig.output {
        ReturnType::Type(_, result) => result,
        ReturnType::Default => return Err(Error::new(identifier.span(), "an operation returns `Result<Output>`")),
    };

    let name = match options.name {
        Some(name) => {
            if !words::is_kebab(&name.value()) {
                return Err(Error::new(name.span(), "expected lower-case kebab-case, such as `list-issues`"));
            }
            name.value()
        }
        None => words::kebab(&identifier.to_string()),
    };
    let title = options.title.map_or_else(|| words::title(&name), |title| title.value());
    let description = words::description(&function.attrs);
    let effect = options.effect;
    let idempotent = options.idempotent;
    let scopes = options.scopes;
    let visibility = &function.vis;
    let call = if takes_context { quote!(#identifier(input, context)) } else { quote!(#identifier(input)) };
    let ignore = if takes_context { quote!() } else { quote!(let _ = context;) };

    // A struct with braces lives among the types only, so it may share the function's name and `connector!(path)`
    // finds both by one path.
    Ok(quote! {
        #function

        #[doc(hidden)]
        #[allow(non_camel_case_types)]
        #visibility struct #identifier {}

        impl ::jackfield_sdk::__private::Operation for #identifier {
            const NAME: &'static str = #name;
            const TITLE: &'static str = #title;
            const DESCRIPTION: &'static str = #description;
            const EFFECT: ::jackfield_sdk::__private::Effect = ::jackfield_sdk::__private::Effect::#effect;
            const IDEMPOTENT: bool = #idempotent;
            const SCOPES: &'static [&'static str] = &[#(#scopes),*];
            type Input = #input;
            type Output = <#output as ::jackfield_sdk::__private::OkOf>::Ok;

            fn call(
                input: Self::Input,
                context: &::jackfield_sdk::Context,
            ) -> ::jackfield_sdk::Result<Self::Output> {
                #ignore
                #call
            }
        }
    })
}

/// The input's type, and whether a context follows.
fn parameters(function: &ItemFn) -> syn::Result<(&Type, bool)> {
    let signature = &function.sig;
    if let Some(asyncness) = &signature.asyncness {
        return Err(Error::new(asyncness.span(), "an operation is not async: the contract is synchronous"));
    }
    if !signature.generics.params.is_empty() {
        return Err(Error::new(signature.generics.span(), "an operation has no generic parameters"));
    }
    let mut types = Vec::new();
    for parameter in &signature.inputs {
        match parameter {
            FnArg::Typed(parameter) => types.push(&*parameter.ty),
            FnArg::Receiver(receiver) => {
                return Err(Error::new(receiver.span(), "an operation is a function, not a method"));
            }
        }
    }
    match types[..] {
        [input] => Ok((input, false)),
        [input, Type::Reference(_)] => Ok((input, true)),
        _ => Err(Error::new(signature.ident.span(), "an operation takes `(input: Input, context: &Context)`")),
    }
}
