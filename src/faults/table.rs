//! The table of all kinds of faults.

/// Makes [`FaultKind`](super::FaultKind) of a table of names and types.
macro_rules! fault_kinds {
    ($($name:literal => $module:ident::$kind:ident,)*) => {
        $(pub use $module::$kind;)*

        /// What the built-in provider does wrong.
        ///
        /// It is read as files have it, without a check of what its settings mean: see [`FaultKind::check`].
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        pub enum FaultKind {
            $(
                #[doc = concat!("`", $name, "`")]
                #[serde(rename = $name)]
                $kind($kind),
            )*
        }

        $(
            impl From<$kind> for FaultKind {
                fn from(kind: $kind) -> Self {
                    Self::$kind(kind)
                }
            }
        )*

        impl FaultKind {
            /// Every kind with the settings that a hunt tries, in the order of the table.
            #[doc(hidden)]
            #[must_use]
            pub fn all() -> Vec<Self> {
                let mut all = Vec::new();
                $(all.extend($kind::examples().into_iter().map(Self::$kind));)*
                all
            }

            /// Its name: its key in files, and what a ledger entry records.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => $name,)*
                }
            }

            /// What it does to a request, with its article.
            #[must_use]
            pub fn words(&self) -> String {
                match self {
                    $(Self::$kind(kind) => kind.words(),)*
                }
            }

            /// What it does to a response.
            #[doc(hidden)]
            #[must_use]
            pub fn effect(&self) -> Effect {
                match self {
                    $(Self::$kind(kind) => kind.effect(),)*
                }
            }

            /// Whether it shows mostly in streams.
            #[doc(hidden)]
            #[must_use]
            pub fn is_of_streams(&self) -> bool {
                match self {
                    $(Self::$kind(_) => $kind::OF_STREAMS,)*
                }
            }

            /// Where a hunt tries it: lower places come first, and `None` is nowhere.
            fn place(&self, reads: ClientReads) -> Option<u8> {
                match self {
                    $(Self::$kind(_) => $kind::place(reads),)*
                }
            }

            /// Checks what the schema of the file cannot tell.
            ///
            /// # Errors
            /// The first setting that makes no sense.
            pub fn check(&self) -> Result<(), FaultError> {
                let checked = match self {
                    $(Self::$kind(kind) => kind.check(),)*
                };
                checked.map_err(|Unsound { field, what, help }| FaultError { kind: self.name(), field, what,
                    help })
            }
        }

        impl schemars::JsonSchema for FaultKind {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                "FaultKind".into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let kinds = [$(table::schema($name, $kind::json_schema(generator)),)*];
                schemars::json_schema!({
                    "description": "What the built-in provider does wrong.",
                    "oneOf": kinds,
                })
            }
        }
    };
}
pub(super) use fault_kinds;

/// The schema of a table with one key, described as its settings are.
pub(super) fn schema(name: &str, mut settings: schemars::Schema) -> schemars::Schema {
    let description = settings.remove("description");
    schemars::json_schema!({
        "type": "object",
        "description": description,
        "properties": { name: settings },
        "required": [name],
        "additionalProperties": false,
    })
}
