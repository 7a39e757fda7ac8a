//! | module | what belongs there |
//! | --- | --- |
//! | `kills` | a mirror that is killed resumes where it stopped |

mod kills;
