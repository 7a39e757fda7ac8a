//! | module | what belongs there |
//! | --- | --- |
//! | `kills` | commands that are killed at random moments, and run again |
//! | `requests` | commands that are killed before and after each of their requests |
//! | `servers` | all commands against `SeaweedFS`, an emulator of Azure, and an imitation of Ceph |
//! | `writers` | many writers at once |

mod kills;
mod requests;
mod servers;
mod writers;
