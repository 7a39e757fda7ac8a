//! Policies, which no build makes: they are left as they are, unless clients are to hold another key.

use super::error::Error;
use super::options::Options;
use crate::policy::Policy;
use crate::publish::observer::{Observer, Warning};
use crate::publish::{State, Wanted};
use crate::published::{Keys, Standing};
use crate::registry::{Gzip, Payload, Resource};
use crate::repository::{Folder, RepositoryPath};
use crate::store::{EntryKind, Store};

/// Signs each policy anew where another key takes the place of the one that stands, as all else is signed anew:
/// a client that has the new key refuses a policy of the old one, and with it every project that names the
/// policy. What the old key did not sign for this repository is left alone, with a warning.
pub(super) fn sign_anew(
    store: &dyn Store,
    options: &Options,
    public_key: &Wanted,
    observer: &dyn Observer,
) -> Result<Vec<Wanted>, Error> {
    if !matches!(public_key.state, State::Differs(_)) {
        return Ok(Vec::new());
    }
    let signing = options.key.public_key();
    let (new, old) = (Keys::from(signing.clone()), Keys::of(store, signing)?);
    let decode = |payload: &Payload| Ok((Policy::decode(payload)?, payload.clone()));
    let mut wanted = Vec::new();
    for file in store.list(Folder::Policies)?.unwrap_or_default() {
        let path = Folder::Policies.file(&file.name);
        let Some(Resource::Policy(name)) = RepositoryPath::resource_at(path.as_str().as_ref())
        else {
            continue;
        };
        if file.kind != EntryKind::File
            || matches!(new.read(store, &path, decode)?, Standing::Legible(_))
        {
            continue;
        }
        match old.read(store, &path, decode)? {
            Standing::Legible((policy, payload))
                if policy.name == name && policy.repository == options.repository =>
            {
                let bytes = payload.sign(&options.key)?.to_gzip(&mut Gzip::new());
                wanted.push(Wanted { path, state: State::Differs(bytes.into()), over: file.stamp });
            }
            Standing::Missing => {}
            Standing::Legible(_) | Standing::Illegible => {
                observer.warn(Warning::Policy { location: store.locate(&path) });
            }
        }
    }
    Ok(wanted)
}
