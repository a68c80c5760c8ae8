//! Nothing but benches; see benches/echo.rs.
