//! The choices of a conversion, and the context of each draw.

use super::draw_location::DrawLocation;
use super::keys::{BatchTensors, KeyTensors};
use crate::graph::{ActiveSite, Plan};
use crate::random::Draws;

/// A model and the choices of its conversion.
#[derive(Debug, Clone, Copy)]
pub(super) struct Conversion<'a> {
    pub(super) plan: &'a Plan,
    /// Locations of the draws of the plan.
    pub(super) draws_at: &'a [DrawLocation],
    /// The scheme that masks are drawn by.
    pub(super) scheme: Draws,
    /// Set if a run takes one image.
    pub(super) single_image: bool,
}

impl<'a> Conversion<'a> {
    /// Returns the draw of the plan with this number, and its location.
    pub(super) fn draw(
        &self,
        number: usize,
    ) -> Option<(&'a ActiveSite, &'a DrawLocation)> {
        self.plan.active().get(number).zip(self.draws_at.get(number))
    }
}

/// Everything that is built for one draw.
#[derive(Debug, Clone, Copy)]
pub(super) struct DrawContext<'a> {
    pub(super) batch: &'a BatchTensors,
    pub(super) keys: &'a KeyTensors,
    pub(super) active: &'a ActiveSite,
    pub(super) location: &'a DrawLocation,
}
