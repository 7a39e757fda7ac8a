//! Enums that are a word for people and a number in a signed file.

/// Declares an enum that is a word for people and a number in a registry, of which newer ones may come.
macro_rules! numbered_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $number:literal $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
            /// One that Hex had not yet.
            Unknown(i32),
        }

        impl $name {
            /// Every one that has a word.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// By its number in the Hex specification.
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

            /// Its word, if it has one.
            #[must_use]
            pub fn word(self) -> Option<&'static str> {
                match self {
                    $(Self::$variant => Some($word),)*
                    Self::Unknown(_) => None,
                }
            }
        }

        /// The word; where there is none, the number.
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
