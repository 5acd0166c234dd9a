package store

import (
	"context"
	"database/sql"

	"foyer/app"
)

// SetTenants adds and removes Entra tenants of a company; one that is there already is left alone. NotFound,
// "company_unknown", or "tenant_unknown" when one to remove is not there.
func (s *Store) SetTenants(ctx context.Context, name string, add, remove []string, ev app.Event) (app.Company, error) {
	return s.change(ctx, "set tenants", name, ev, func(tx *handle, c app.Company) (string, error) {
		for _, tenant := range remove {
			there, err := removeTenant(tx, c.ID, tenant)
			if err != nil {
				return "", err
			}
			if !there {
				e := app.Errorf(app.NotFound, "tenant_unknown", "%s has no tenant %s", c.Name, tenant).With("Token", tenant)
				e.Field = "tenants"
				return "", e
			}
		}
		for _, tenant := range add {
			if err := addTenant(tx, c.ID, tenant); err != nil {
				return "", err
			}
		}
		return c.Name, nil
	})
}

func addTenant(tx *handle, companyID int64, tenant string) error {
	_, err := tx.exec("INSERT INTO company_tenant (company_id, tenant) VALUES ($1, $2) ON CONFLICT (company_id, tenant) DO NOTHING", companyID, tenant)
	return err
}

// removeTenant removes one tenant and returns whether it was there.
func removeTenant(tx *handle, companyID int64, tenant string) (there bool, err error) {
	n, err := tx.exec("DELETE FROM company_tenant WHERE company_id = $1 AND tenant = $2", companyID, tenant)
	return n > 0, err
}

// Tenants returns the Entra tenants of all companies that have some, by the company's ID.
func (s *Store) Tenants(_ context.Context) (map[int64][]string, error) {
	tenants, err := allTenants(s.read)
	return tenants, errorOf("list tenants", err)
}

func allTenants(h *handle) (map[int64][]string, error) {
	tenants := map[int64][]string{}
	err := h.each("SELECT company_id, tenant FROM company_tenant ORDER BY company_id, tenant", nil, func(rows *sql.Rows) error {
		var companyID int64
		var tenant string
		err := rows.Scan(&companyID, &tenant)
		tenants[companyID] = append(tenants[companyID], tenant)
		return err
	})
	return tenants, err
}

func tenantsOf(h *handle, companyID int64) ([]string, error) {
	var tenants []string
	err := h.each("SELECT tenant FROM company_tenant WHERE company_id = $1 ORDER BY tenant", []any{companyID}, func(rows *sql.Rows) error {
		var tenant string
		err := rows.Scan(&tenant)
		tenants = append(tenants, tenant)
		return err
	})
	return tenants, err
}
