//! | module | what belongs there |
//! | --- | --- |
//! | `credentials` | clients with tokens and passwords, and a file of them that changes |
//! | `tampered` | files that were changed between the server and the client |

mod credentials;
mod tampered;
