//! How options are spelled in messages: as the user has given them.

/// How the options were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    Arguments,
    /// In a configuration file.
    Keys,
}

impl Spelling {
    /// The name of an option: `--url` or `` `url` ``.
    pub fn option(self, name: &str) -> String {
        match self {
            Self::Arguments => format!("--{name}"),
            Self::Keys => format!("`{name}`"),
        }
    }

    /// An option with its value: `--url=https://NAME` or `` `url = "https://NAME"` ``.
    pub fn with_value(self, name: &str, value: &str) -> String {
        match self {
            Self::Arguments => format!("--{name}={value}"),
            Self::Keys => format!("`{name} = \"{value}\"`"),
        }
    }

    /// An option that is switched on: `--follow-links` or `` `follow-links = true` ``.
    pub fn switch(self, name: &str) -> String {
        match self {
            Self::Arguments => format!("--{name}"),
            Self::Keys => format!("`{name} = true`"),
        }
    }
}
