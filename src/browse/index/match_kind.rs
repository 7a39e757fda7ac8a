//! How well a word matches a package.

/// How a word matches a package, the best one last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    /// Not at all.
    #[default]
    None,
    /// A word of the name is nearly the same.
    Similar,
    /// A word in the README or of a definition begins so.
    TextBeginning,
    /// The README has another form or a synonym.
    ReadmeAlike,
    /// A module or function has another form or a synonym in its name.
    DefinitionAlike,
    /// The README has the word.
    Readme,
    /// A module or function has the word in its name.
    Definition,
    /// It is inside a word of the name.
    NamePart,
    /// The description has another form or a synonym.
    DescriptionAlike,
    /// The description has the word.
    Description,
    /// It is the whole name of a module or a function.
    WholeDefinition,
    /// The name has another form or a synonym, or a word that begins so.
    NameAlike,
    /// It is a word of the name.
    NameWord,
}

impl Strength {
    /// What it adds to the rank of a package, before it is weighed by how rare the word is.
    pub(super) fn score(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Similar | Self::TextBeginning => 1,
            Self::ReadmeAlike => 2,
            Self::DefinitionAlike | Self::Readme => 3,
            Self::Definition => 4,
            Self::NamePart => 5,
            Self::DescriptionAlike => 7,
            Self::Description => 8,
            Self::WholeDefinition => 9,
            Self::NameAlike => 10,
            Self::NameWord => 12,
        }
    }
}

/// Why a package was found: the word that matches worst decides, unless the name is what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MatchKind {
    /// The query is the name.
    ExactName,
    /// The name begins with the query.
    NamePrefix,
    /// All words are in the name.
    NameWords,
    /// It is the name of a module or a function.
    Definition,
    /// The description has what the name does not have.
    Description,
    /// A module or a function has it in its name.
    DefinitionWords,
    /// The README has it.
    Readme,
    /// The name is similar to what was asked for.
    Similar,
    /// Only conditions such as `license:mit` were given, or none.
    Listed,
}

impl MatchKind {
    /// The kind of what matches so.
    pub(super) fn of(worst: Strength) -> Self {
        match worst {
            Strength::None => Self::Listed,
            Strength::Similar => Self::Similar,
            Strength::TextBeginning | Strength::ReadmeAlike | Strength::Readme => Self::Readme,
            Strength::DefinitionAlike | Strength::Definition => Self::DefinitionWords,
            Strength::DescriptionAlike | Strength::Description => Self::Description,
            Strength::WholeDefinition => Self::Definition,
            Strength::NamePart | Strength::NameAlike | Strength::NameWord => Self::NameWords,
        }
    }
}
