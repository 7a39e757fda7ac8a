//! Enums that are a number in a signed file and a word for people.

/// Declares an enum whose variants have a number, as in the Hex specification, and a word, as in the options of `mix`.
/// A number that this version does not know is kept as `Unknown`.
macro_rules! numbered_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $number:literal $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
            /// A number that this version does not know: a newer client wrote it.
            Unknown(i32),
        }

        impl $name {
            /// Every variant that has a word.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The variant with this number in the Hex specification.
            #[must_use]
            pub fn from_number(number: i32) -> Self {
                match number {
                    $($number => Self::$variant,)*
                    unknown => Self::Unknown(unknown),
                }
            }

            /// Its number in the Hex specification.
            #[must_use]
            pub fn number(self) -> i32 {
                match self {
                    $(Self::$variant => $number,)*
                    Self::Unknown(number) => number,
                }
            }

            /// Its word; `None` for an unknown number.
            #[must_use]
            pub fn word(self) -> Option<&'static str> {
                match self {
                    $(Self::$variant => Some($word),)*
                    Self::Unknown(_) => None,
                }
            }
        }

        /// The word, or the number if there is none.
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.word() {
                    Some(word) => f.write_str(word),
                    None => write!(f, "{}", self.number()),
                }
            }
        }
    };
}

pub(crate) use numbered_enum;
