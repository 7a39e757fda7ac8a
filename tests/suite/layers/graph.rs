//! Which file imports which.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::source::Source;

/// For each file those that it imports from, itself apart.
pub struct Graph(BTreeMap<String, BTreeSet<String>>);

impl Graph {
    pub fn of(files: &BTreeMap<String, Source>) -> Self {
        let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (file, source) in files {
            let imported = source.uses.iter().map(|one| (&one.module, &one.path));
            let named = source.paths.iter().map(|one| (&one.module, &one.path));
            for (module, path) in imported.chain(named) {
                let to = resolve(files, &join(file, module), path, &mut BTreeSet::new());
                edges.entry(file.clone()).or_default().extend(to.filter(|to| to != file));
            }
        }
        Self(edges)
    }

    /// Each import, from and to.
    pub fn edges(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|(from, all)| all.iter().map(|to| (from.as_str(), to.as_str())))
    }

    /// The graph of groups of files.
    pub fn grouped_by(&self, group: impl Fn(&str) -> String) -> Self {
        let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in self.edges().map(|(from, to)| (group(from), group(to))) {
            if from != to {
                edges.entry(from).or_default().insert(to);
            }
        }
        Self(edges)
    }

    /// One circle, the shortest, for each set of files that import each other: each file imports the next, the last is
    /// the first again.
    pub fn circles(&self) -> Vec<Vec<&str>> {
        let mut seen = BTreeSet::new();
        let mut circles = Vec::new();
        for file in self.0.keys() {
            if seen.contains(file.as_str()) {
                continue;
            }
            let from_here = self.reachable(file);
            let members =
                from_here.into_iter().filter(|one| self.reachable(one).contains(file.as_str()));
            let members: Vec<&str> = members.collect();
            let around = members.iter().filter_map(|one| self.circle_through(one));
            circles.extend(around.min_by_key(Vec::len));
            seen.extend(members);
        }
        circles
    }

    fn imports(&self, file: &str) -> impl Iterator<Item = &str> {
        self.0.get(file).into_iter().flatten().map(String::as_str)
    }

    /// What a file imports, and what that imports in turn.
    fn reachable(&self, file: &str) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&str> = self.imports(file).collect();
        while let Some(file) = open.pop() {
            if found.insert(file) {
                open.extend(self.imports(file));
            }
        }
        found
    }

    /// The shortest way from a file back to it.
    fn circle_through<'a>(&'a self, file: &'a str) -> Option<Vec<&'a str>> {
        let mut seen = BTreeSet::new();
        let mut ways = VecDeque::from([vec![file]]);
        while let Some(way) = ways.pop_front() {
            for next in self.imports(way.last()?) {
                let further = [&way[..], &[next]].concat();
                if next == file {
                    return Some(further);
                }
                if seen.insert(next) {
                    ways.push_back(further);
                }
            }
        }
        None
    }
}

/// The file that defines what a path in a module names; `None` for what is not of this crate. `seen` has the names that
/// were followed already: a `use` may name itself.
fn resolve(
    files: &BTreeMap<String, Source>,
    module: &str,
    path: &[String],
    seen: &mut BTreeSet<(String, String)>,
) -> Option<String> {
    let (first, mut rest) = path.split_first()?;
    let mut base = match first.as_str() {
        "crate" | "hexreg" => String::new(),
        "self" => module.to_owned(),
        "super" => {
            let ups = rest.iter().take_while(|part| *part == "super").count();
            rest = &rest[ups..];
            (0..=ups).fold(module, |base, _| parent(base)).to_owned()
        }
        child if files.contains_key(&join(module, child)) => join(module, child),
        // A path may begin with a name that a `use` brought in.
        name => return resolve_imported(files, module, name, rest, seen),
    };
    while let Some((child, after)) = rest.split_first() {
        let child = join(&base, child);
        if !files.contains_key(&child) {
            break;
        }
        (base, rest) = (child, after);
    }
    let file = file_of(files, &base)?;
    let Some((name, after)) = rest.split_first() else { return Some(file) };
    if files[&file].definitions.contains(name) {
        return Some(file);
    }
    // Of what is imported and found nowhere, another crate has the definition.
    let definition = resolve_imported(files, &base, name, after, seen);
    definition.or_else(|| Some(file).filter(|_| !is_imported(files, &base, name)))
}

/// The file that defines what a `use` in `module` brought in as `name`, or what follows that name.
fn resolve_imported(
    files: &BTreeMap<String, Source>,
    module: &str,
    name: &str,
    rest: &[String],
    seen: &mut BTreeSet<(String, String)>,
) -> Option<String> {
    if !seen.insert((module.to_owned(), name.to_owned())) {
        return None;
    }
    let source = &files[&file_of(files, module)?];
    let import = source.uses.iter().find(|one| one.alias == name && one.path[0] != name)?;
    resolve(files, module, &[&import.path, rest].concat(), seen)
}

fn is_imported(files: &BTreeMap<String, Source>, module: &str, name: &str) -> bool {
    let source = file_of(files, module).map(|file| &files[&file]);
    source.is_some_and(|source| source.uses.iter().any(|one| one.alias == name))
}

/// The file that holds a module: its own, or for one in braces that of a parent.
fn file_of(files: &BTreeMap<String, Source>, module: &str) -> Option<String> {
    let mut module = module;
    loop {
        if files.contains_key(module) {
            return Some(module.to_owned());
        }
        if module.is_empty() {
            return None;
        }
        module = parent(module);
    }
}

fn join(module: &str, child: &str) -> String {
    match (module, child) {
        ("", child) => child.to_owned(),
        (module, "") => module.to_owned(),
        (module, child) => format!("{module}/{child}"),
    }
}

fn parent(module: &str) -> &str {
    module.rsplit_once('/').map_or("", |(parent, _)| parent)
}
