//! | module | what belongs there |
//! | --- | --- |
//! | `kills` | commands that are killed at random moments, and run again |
//! | `requests` | commands that are killed before and after each of their requests |
//! | `servers` | all commands against storage that is in use: `SeaweedFS`, Azure's, and in the manner of Ceph |
//! | `writers` | many who add at once |

mod kills;
mod requests;
mod servers;
mod writers;
