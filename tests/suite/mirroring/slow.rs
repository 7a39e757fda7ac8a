//! | module | what belongs there |
//! | --- | --- |
//! | `hostile` | responses that would use up the memory |
//! | `kills` | a mirror that is killed resumes where it stopped |

mod hostile;
mod kills;
